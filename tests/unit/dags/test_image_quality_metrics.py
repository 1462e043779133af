"""Signal-to-noise, ghosting and uniformity of images in which they are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.config import ROOT
from local.phantom import draw_phantom
from scanhub_image_quality.measure import NotMeasurableError
from scanhub_image_quality.metrics import (
    measure_ghosting,
    measure_snr,
    measure_snr_of_pair,
    measure_uniformity,
)
from scanhub_image_quality.regions import find_regions
from tests.unit.dags.mr_objects import SIGNAL, Image, add_ghost, add_noise, draw_disk

# Corners of this matrix hold 3,000 pixels beside the disk: their standard deviation is known to
# 1.3 %, and four times that is a bound which no seed is near.
SNR_TOLERANCE = 0.05
# Where each reason is explained.
DOCUMENT = (ROOT / "docs" / "image-quality.md").read_text(encoding="utf-8")


def measure_all(image: Image, direction: str | None = "COL") -> tuple[float | None, ...]:
    regions = find_regions(image)
    measures = (
        measure_snr(image, regions, direction),  # type: ignore[arg-type]
        measure_ghosting(image, regions),
        measure_uniformity(image, regions),
    )
    return tuple(measure.value for measure in measures)


@pytest.mark.parametrize("n_channels", [1, 2, 8, 32])
@pytest.mark.parametrize("snr", [20.0, 100.0])
def test_snr_is_that_of_the_simulation_for_any_number_of_channels(
    snr: float, n_channels: int
) -> None:
    image = add_noise(draw_disk(), SIGNAL / snr, n_channels=n_channels)

    measure = measure_snr(image, find_regions(image), "COL")

    # The magnitude of signal and noise is above the signal: by √(1 + 2n/SNR²) at most.
    most = np.sqrt(1 + 2 * n_channels / snr**2)
    assert measure.value == pytest.approx(snr * (1 + most) / 2, rel=SNR_TOLERANCE + (most - 1) / 2)
    found = measure.details["n_noise_channels"]
    assert isinstance(found, int)
    assert n_channels * 0.8 <= found <= n_channels * 1.25


def test_snr_of_one_channel_is_corrected_as_rayleigh_noise_is() -> None:
    image = add_noise(draw_disk(), 2.0)
    regions = find_regions(image)
    ends = (slice(2, 22), slice(106, 126))
    corners = np.concatenate([image[rows, columns].ravel() for rows in ends for columns in ends])

    expected = image[regions.signal].mean() / (corners.std() / np.sqrt(2 - np.pi / 2))

    assert measure_snr(image, regions, "COL").value == pytest.approx(expected, rel=0.02)


def test_snr_by_a_repetition_is_the_same_as_by_the_background() -> None:
    image, other = (add_noise(draw_disk(), 2.0, n_channels=4, seed=seed) for seed in (1, 2))

    measure = measure_snr_of_pair(image, other, find_regions(image))

    assert measure is not None
    assert measure.value == pytest.approx(50, rel=SNR_TOLERANCE)
    assert measure.details["method"] == "difference"


def test_snr_is_not_taken_of_images_that_differ_by_more_than_noise() -> None:
    image = add_noise(draw_phantom(128) * SIGNAL, 1.0, seed=1)
    regions = find_regions(image)
    moved = add_noise(np.roll(draw_phantom(128), 1, axis=0) * SIGNAL, 1.0, seed=2)
    brighter = add_noise(draw_phantom(128) * SIGNAL * np.linspace(1, 1.2, 128), 1.0, seed=3)
    is_vessel = np.random.default_rng(4).random(image.shape) < 0.01
    pulsating = np.where(is_vessel, 2, 1) * add_noise(draw_phantom(128) * SIGNAL, 1.0, seed=5)

    for other in (moved, brighter, pulsating, image):
        assert measure_snr_of_pair(image, other, regions) is None


@pytest.mark.parametrize(("axis", "direction"), [(0, "COL"), (1, "ROW"), (0, None)])
@pytest.mark.parametrize("percent", [0.0, 1.0, 5.0, 20.0])
def test_ghosting_is_that_of_the_simulation(
    percent: float, axis: int, direction: str | None
) -> None:
    # Of this object the ghost covers what is above and below all of it, so ACR's number is known.
    truth = np.zeros((128, 128))
    truth[32:96, 32:96] = SIGNAL
    image = add_noise(add_ghost(truth, percent, axis), 0.5)

    snr, ghosting, _ = measure_all(image, direction)

    # Noise makes nothing of a ghost larger than by its own mean, 0.6 % of the signal.
    assert ghosting == pytest.approx(percent, abs=0.65)
    # And the ghost is not taken for noise.
    assert snr == pytest.approx(200, rel=SNR_TOLERANCE)


@pytest.mark.parametrize("fall", [0.0, 0.1, 0.5])
def test_uniformity_is_that_of_the_simulation(fall: float) -> None:
    slope = np.linspace(1 + fall / 2, 1 - fall / 2, 128)
    image = add_noise(draw_disk() * slope, 0.2)

    _, _, uniformity = measure_all(image)

    # Three quarters of the area are 0.87 of the diameter, and spots end within: 0.82 of it.
    part = np.sqrt(0.75) * 0.6 - 2 / 64
    assert uniformity == pytest.approx(100 * (1 - part * fall / 2), abs=0.6)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((64, 64)), "empty"),
        (np.full((64, 64), 7.0), "empty"),
        (np.zeros((0, 64)), "empty"),
        (np.zeros((1, 1)), "empty"),
        (add_noise(np.zeros((64, 64)), 1.0), "noise only"),
        (add_noise(np.zeros((256, 256)), 1.0, n_channels=16), "noise only"),
        (add_noise(np.full((64, 64), SIGNAL), 1.0), "noise only"),
        (add_noise(np.linspace(20, 100, 128) * np.ones((128, 1)), 1.0), "noise only"),
        (add_noise(100 * np.exp(-np.arange(128) / 20) * np.ones((128, 1)), 1.0), "noise only"),
        (add_noise(draw_disk(radius=1.4), 1.0), "noise only"),
        (add_noise(draw_disk(radius=0.14), 1.0), "smaller than"),
    ],
)
def test_image_without_an_object_on_a_background_is_not_measured(image: Image, reason: str) -> None:
    with pytest.raises(NotMeasurableError, match=reason) as error:
        find_regions(image)

    assert str(error.value) in DOCUMENT


def test_object_that_reaches_the_edges_is_measured_for_uniformity_only() -> None:
    image = add_noise(draw_disk(radius=1.0), 1.0)
    regions = find_regions(image)

    no_ghosting = measure_ghosting(image, regions).reason
    no_snr = measure_snr(image, regions, "COL").reason
    assert no_ghosting == "The object leaves too little room to the top edge of the image."
    assert no_snr == "The object leaves too little background that is free of its ghosts."
    assert no_ghosting in DOCUMENT
    assert no_snr in DOCUMENT
    assert measure_uniformity(image, regions).value == pytest.approx(98.5, abs=1)


def test_masked_background_is_neither_noise_nor_free_of_ghosts() -> None:
    image = add_noise(draw_disk(), 1.0) * (draw_disk() > 0)
    regions = find_regions(image)

    for measure in (measure_snr(image, regions, "COL"), measure_ghosting(image, regions)):
        assert "masked" in str(measure.reason)
        assert str(measure.reason) in DOCUMENT


def test_noise_is_taken_beside_the_object_where_the_corners_are_masked() -> None:
    # As scanners do that correct for the gradients' distortion
    image = add_noise(draw_disk((256, 256), 0.4), 2.0) * (draw_disk((256, 256), 1.1) > 0)

    assert measure_snr(image, find_regions(image), "COL").value == pytest.approx(50, rel=0.05)
    assert "masked" in str(measure_snr(image, find_regions(image), None).reason)


def test_noise_below_one_stored_value_is_not_measured() -> None:
    image = np.round(add_noise(draw_disk(), 0.5))

    assert measure_snr(image, find_regions(image), "COL").value is None


def test_second_object_is_no_ghost() -> None:
    truth = draw_disk((128, 128), 0.3)
    image = add_noise(np.roll(truth, 25, axis=0) + np.roll(0.8 * truth, -25, axis=0), 1.0)

    snr, ghosting, uniformity = measure_all(image)

    assert snr == pytest.approx(100, rel=SNR_TOLERANCE)
    assert ghosting is not None
    assert ghosting < 0.5
    assert uniformity is not None
    assert uniformity > 97


def test_bright_rim_is_no_border_of_what_it_encloses() -> None:
    image = add_noise(draw_phantom(256) * SIGNAL, 1.0, n_channels=8)

    # The brain's 0.2 in three quarters of the head, beside ventricles of nothing.
    snr, _, uniformity = measure_all(image)

    assert snr == pytest.approx(20, rel=0.1)
    assert uniformity is not None
    assert uniformity < 40


CHANGES: dict[str, Callable[[Image], Image]] = {
    "upside down": lambda image: image[::-1],
    "mirrored": lambda image: image[:, ::-1],
    "a millionth": lambda image: image * 1e-6,
    "a million times": lambda image: image * 1e6,
}


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(96, 140), st.integers(96, 140)),
    radius=st.floats(0.35, 0.7),
    percent=st.floats(0, 10),
    n_channels=st.integers(1, 8),
)
def test_measures_do_not_depend_on_scale_or_sides(
    seed: int, shape: tuple[int, int], radius: float, percent: float, n_channels: int
) -> None:
    truth = add_ghost(draw_disk(shape, radius), percent, axis=0)
    image = add_noise(truth, 2.0, n_channels=n_channels, seed=seed)
    expected = measure_all(image)

    for change in CHANGES.values():
        assert measure_all(change(image)) == pytest.approx(expected, rel=1e-6, nan_ok=False)
    turned = measure_all(image.T, "ROW")
    assert turned == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 80), st.integers(1, 80)),
    kind=st.sampled_from(["noise", "speckles", "steps", "boxes"]),
)
def test_any_image_has_numbers_in_their_range_or_a_reason(
    seed: int, shape: tuple[int, int], kind: str
) -> None:
    random = np.random.default_rng(seed)
    image = random.rayleigh(size=shape)
    if kind == "speckles":
        image *= random.random(shape) > 0.9
    if kind == "steps":
        image = np.floor(image)
    if kind == "boxes":
        for _ in range(3):
            (top, bottom), (left, right) = (np.sort(random.integers(0, n + 1, 2)) for n in shape)
            image[top:bottom, left:right] += random.uniform(0, 50)
    try:
        snr, ghosting, uniformity = measure_all(image)
    except NotMeasurableError as error:
        assert str(error).endswith(".")
        return
    assert snr is None or 0 < snr < np.inf
    assert ghosting is None or 0 <= ghosting < 200
    assert uniformity is None or 0 <= uniformity <= 100
