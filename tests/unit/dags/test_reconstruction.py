from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ismrmrd
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import gammaln, hyp1f1

from local.phantom import draw_phantom, simulate_kspace
from scanhub_reconstruction.model import RawData, RawDataError
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import (
    copy_centered,
    reconstruct_volume,
)

Acquire = Callable[..., Path]


def reconstruct_image(raw: RawData) -> NDArray[np.float32]:
    (image,) = reconstruct_volume(raw, 0)
    return image


def normalized_rmse(image: NDArray[Any], truth: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean((image - truth) ** 2) / np.mean(truth**2)))


def expected_rmse(truth: NDArray[np.float64], n_coils: int, noise_std: float) -> float:
    """Return the normalised RMSE that the noise alone gives.

    The orthonormal transform keeps the noise's standard deviation s, so the root sum of squares M
    over n coils follows a noncentral chi distribution of 2n degrees of freedom around the truth A
    (Constantinides et al., Magn Reson Med 38:852, 1997):
        E[M^2] = A^2 + 2 n s^2
        E[M]   = s sqrt(2) Gamma(n + 1/2) / Gamma(n) 1F1(-1/2; n; -A^2 / (2 s^2))
        E[(M - A)^2] = E[M^2] - 2 A E[M] + A^2, bias and variance together.
    The triangle inequality |M - A| <= |noise| bounds it by 2 n s^2.
    """
    mean = (
        noise_std
        * np.sqrt(2)
        * np.exp(gammaln(n_coils + 0.5) - gammaln(n_coils))
        * hyp1f1(-0.5, n_coils, -(truth**2) / (2 * noise_std**2))
    )
    mean_square_error = 2 * truth**2 + 2 * n_coils * noise_std**2 - 2 * truth * mean
    assert np.mean(mean_square_error) <= 2 * n_coils * noise_std**2
    return float(np.sqrt(np.mean(mean_square_error) / np.mean(truth**2)))


@pytest.mark.parametrize(
    ("matrix_size", "oversampling", "n_coils"),
    [
        (256, 2.0, 8),
        (64, 1.0, 4),
        (64, 1.5, 4),
        (64, 2.0, 1),
        (63, 2.0, 4),
        (63, 1.5, 4),
        ((96, 64), 2.0, 4),
        ((63, 80), 1.25, 4),
    ],
)
def test_reconstruct_image_error_is_that_of_the_noise(
    acquire: Acquire, matrix_size: int | tuple[int, int], oversampling: float, n_coils: int
) -> None:
    noise_std = 0.02
    raw = read_raw_data(
        acquire(
            matrix_size=matrix_size,
            oversampling=oversampling,
            n_coils=n_coils,
            noise_std=noise_std,
        )
    )
    truth = draw_phantom(matrix_size)

    image = reconstruct_image(raw)

    assert image.shape == truth.shape
    assert image.dtype == np.float32
    # N independent pixels leave a relative uncertainty below 1/sqrt(2 N): take 5 of them.
    tolerance = 5 / np.sqrt(2 * truth.size)
    expected = expected_rmse(truth, n_coils, noise_std)
    assert normalized_rmse(image, truth) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("matrix_size", [64, 63, (48, 65)])
@pytest.mark.parametrize("oversampling", [1.0, 1.5, 2.0])
def test_reconstruct_image_is_exact_without_noise(
    acquire: Acquire, matrix_size: int | tuple[int, int], oversampling: float
) -> None:
    raw = read_raw_data(acquire(matrix_size=matrix_size, oversampling=oversampling, noise_std=0.0))

    image = reconstruct_image(raw)

    np.testing.assert_allclose(image, draw_phantom(matrix_size), atol=1e-5)


def test_reconstruct_image_averages_repeated_lines(
    acquire: Acquire, edit_acquisitions: Callable[..., None]
) -> None:
    def repeat_upside_down_noise(records: Any) -> Any:
        repeated = records.copy()
        repeated["head"]["idx"]["average"] = 1
        for record in repeated:  # the mean of 0 and 2 times a line is the line
            record["data"] = np.zeros_like(record["data"])
        for record in records:
            record["data"] = 2 * record["data"]
        return np.concatenate([records, repeated])

    path = acquire(noise_std=0.0)
    edit_acquisitions(path, repeat_upside_down_noise)

    raw = read_raw_data(path)

    assert raw.n_averages == 2
    np.testing.assert_allclose(reconstruct_image(raw), draw_phantom(32), atol=1e-5)


@pytest.mark.parametrize(
    "flag",
    [ismrmrd.ACQ_IS_NOISE_MEASUREMENT, ismrmrd.ACQ_IS_PARALLEL_CALIBRATION],
)
def test_reconstruct_image_ignores_noise_and_calibration(
    acquire: Acquire, edit_acquisitions: Callable[..., None], flag: int
) -> None:
    def add_other_acquisition(records: Any) -> Any:
        other = records[:1].copy()
        other["head"]["flags"] = 1 << (flag - 1)
        other["head"]["number_of_samples"] = 4
        other["data"][0] = np.full(2 * 2 * 4, 99, np.float32)
        return np.concatenate([other, records])

    path = acquire(noise_std=0.0)
    edit_acquisitions(path, add_other_acquisition)

    image = reconstruct_image(read_raw_data(path))

    np.testing.assert_allclose(image, draw_phantom(32), atol=1e-5)


def test_reconstruct_image_zero_fills_to_the_recon_matrix(
    acquire: Acquire, edit_header: Callable[..., None]
) -> None:
    def double_recon_matrix(header: Any) -> None:
        size = header.encoding[0].reconSpace.matrixSize
        size.x, size.y = 64, 64

    path = acquire(noise_std=0.0)
    edit_header(path, double_recon_matrix)

    image = reconstruct_image(read_raw_data(path))

    # Every other pixel lies on the measured grid; orthonormal scaling by 1/sqrt(4).
    np.testing.assert_allclose(image[::2, ::2], draw_phantom(32) / 2, atol=1e-5)


def test_reconstruct_image_zero_fills_partial_fourier_and_partial_echo(
    acquire: Acquire, edit_header: Callable[..., None], edit_acquisitions: Callable[..., None]
) -> None:
    def drop_first_lines(header: Any) -> None:
        limits = header.encoding[0].encodingLimits.kspace_encoding_step_1
        limits.minimum, limits.maximum, limits.center = 0, 23, 8

    def drop_first_lines_and_samples(records: Any) -> Any:
        records = records[8:]
        records["head"]["idx"]["kspace_encode_step_1"] -= 8
        records["head"]["number_of_samples"] = 54
        records["head"]["center_sample"] = 22
        for record in records:
            record["data"] = record["data"].reshape(2, 128)[:, 20:].ravel()
        return records

    path = acquire(noise_std=0.0)
    full = read_raw_data(path).kspace
    edit_header(path, drop_first_lines)
    edit_acquisitions(path, drop_first_lines_and_samples)

    partial = read_raw_data(path).kspace

    assert not partial[..., :8, :].any()
    assert not partial[..., :10].any()
    np.testing.assert_array_equal(partial[..., 8:, 10:], full[..., 8:, 10:])


def test_reconstruct_image_rejects_values_beyond_single_precision() -> None:
    kspace = np.full((1, 1, 1, 4, 4), 3e38, np.complex64)
    raw = RawData(kspace, (1, 4, 4), (1, 4, 4), source_format="NumPy")

    with pytest.raises(RawDataError, match="too large for single precision"):
        reconstruct_image(raw)


@pytest.mark.parametrize("ndim", [2, 3])
def test_reconstruct_image_takes_numpy_kspace(tmp_path: Path, ndim: int) -> None:
    kspace = simulate_kspace(matrix_size=(33, 48), n_coils=1, oversampling=1.0, noise_std=0.0)
    path = tmp_path / "kspace.npy"
    np.save(path, kspace if ndim == 3 else kspace[0].astype(np.complex128))

    raw = read_raw_data(path)

    assert raw.scan is None
    np.testing.assert_allclose(reconstruct_image(raw), draw_phantom((33, 48)), atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 7, 9), (4, 5, 6)])
def test_reconstruct_volume_is_centred_and_orthonormal(shape: tuple[int, int, int]) -> None:
    center = tuple(size // 2 for size in shape)
    constant = np.ones((1, 1, *shape), np.complex64)

    image = reconstruct_volume(RawData(constant, shape, shape, "NumPy"), 0)

    expected = np.zeros(shape)
    expected[center] = np.sqrt(constant.size)
    np.testing.assert_allclose(image, expected, atol=1e-5)


@pytest.mark.parametrize("old", [5, 6])
@pytest.mark.parametrize("new", [3, 4, 8, 9])
def test_copy_centered_keeps_the_centre(old: int, new: int) -> None:
    array = np.zeros((old, old), np.complex64)
    array[old // 2, old // 2] = 1
    copied = np.full((new, old), 7, np.complex64)

    copy_centered(array, copied, scale=2)

    assert copied[new // 2, old // 2] == 2
    assert copied.sum() == 2
