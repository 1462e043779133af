"""The coils' noise and how their images become one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ismrmrd
import numpy as np
import pytest
from numpy.typing import NDArray

from scanhub_reconstruction.coil_combination import combine_adaptively
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.prewhitening import find_whitening
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume
from tests.unit.dags.blobs import Measurement, Slice, measure
from tests.unit.dags.measurement import draw_ellipsoids, simulate_volume_kspace

NOISE_STD = (0.05,) * 7 + (2.0,)  # one hot coil
N_COILS = len(NOISE_STD)


def draw_noise(shape: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return noise of which neighbouring coils share some, shape (readouts, coils, samples)."""
    white = np.random.default_rng(1).normal(size=(*shape, 2)) @ (1, 1j)
    mixing = np.eye(N_COILS) + 0.3 * np.eye(N_COILS, k=1)
    return (np.diag(NOISE_STD) @ mixing @ white).astype(np.complex64)


def measure_with_a_hot_coil(*, has_noise_scan: bool) -> Measurement:
    gains = np.exp(2j * np.pi * np.arange(N_COILS) / N_COILS)
    clean = measure([Slice()], coils=tuple(gains))
    n_readouts, _, n_samples = clean.samples.shape
    samples = clean.samples + draw_noise(clean.samples.shape)
    if not has_noise_scan:
        return replace(clean, samples=samples)
    heads = clean.heads[:16].copy()
    heads["flags"] = 1 << (ismrmrd.ACQ_IS_NOISE_MEASUREMENT - 1)
    noise = draw_noise((n_readouts + 16, N_COILS, n_samples))[-16:]
    return replace(
        clean,
        heads=np.concatenate([heads, clean.heads]),
        samples=np.concatenate([noise, samples]),
    )


def reconstruct(path: Path, measurement: Measurement) -> tuple[RawData, float]:
    """Return the raw data, and the ratio of the brightest pixel to the background."""
    measurement.write(path)
    raw = read_raw_data(path)
    (image,) = reconstruct_volume(raw, 0)
    return raw, float(image.max() / np.mean(image[:4, :8]))


def test_a_noise_scan_keeps_a_hot_coil_from_drowning_the_others(tmp_path: Path) -> None:
    raw, contrast = reconstruct(tmp_path / "a", measure_with_a_hot_coil(has_noise_scan=False))
    whitened, better_contrast = reconstruct(
        tmp_path / "b", measure_with_a_hot_coil(has_noise_scan=True)
    )

    assert not raw.is_prewhitened
    assert whitened.is_prewhitened
    assert better_contrast > 3 * contrast


def test_find_whitening_makes_noise_equal_and_uncorrelated_and_keeps_the_scale() -> None:
    noise = draw_noise((1, N_COILS, 20_000))[0]

    whitening = find_whitening([noise], N_COILS)

    assert whitening is not None
    white = whitening @ noise
    covariance = white @ white.conj().T / noise.shape[1]
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(N_COILS), atol=1e-3)
    assert abs(np.linalg.det(whitening)) == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("spoil", ["few", "silent coil", "not a number"])
def test_find_whitening_leaves_alone_what_it_cannot_tell(spoil: str) -> None:
    noise = draw_noise((1, N_COILS, 1000))[0]
    if spoil == "few":
        noise = noise[:, : 2 * N_COILS]
    elif spoil == "silent coil":
        noise[3] = 0
    else:
        noise[3, 5] = np.nan

    assert find_whitening([noise], N_COILS) is None


def test_adaptive_combination_shows_the_object_with_less_background() -> None:
    truth = draw_ellipsoids((1, 40, 48))
    kspace = simulate_volume_kspace(truth, 6, 2)
    noise = 0.05 * np.random.default_rng(0).normal(size=(*kspace.shape, 2)) @ (1, 1j)
    raw = RawData(
        (kspace + noise).astype(np.complex64)[np.newaxis], (1, 40, 96), (1, 40, 48), "NumPy"
    )

    (squares,) = reconstruct_volume(raw, 0)
    (adaptive,) = reconstruct_volume(replace(raw, coil_combination="adaptive"), 0)

    is_background = truth[0] == 0
    assert np.mean(adaptive[is_background]) < 0.8 * np.mean(squares[is_background])
    assert np.sqrt(np.mean((adaptive - truth[0]) ** 2)) < np.sqrt(
        np.mean((squares - truth[0]) ** 2)
    )


def test_adaptive_combination_of_a_volume_keeps_each_pixel_in_its_place() -> None:
    truth = draw_ellipsoids((5, 15, 16))
    kspace = simulate_volume_kspace(truth, 4, 2)[np.newaxis]
    raw = RawData(kspace, (5, 15, 32), (5, 15, 16), "NumPy", coil_combination="adaptive")

    image = reconstruct_volume(raw, 0)

    assert np.corrcoef(image.ravel(), truth.ravel())[0, 1] > 0.99


def test_combine_adaptively_takes_images_without_signal() -> None:
    image = combine_adaptively(np.zeros((3, 6, 7), np.complex64))

    assert not image.any()
