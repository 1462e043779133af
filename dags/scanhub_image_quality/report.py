"""Measure the images of a series and describe the result, without anything of the patient."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from scanhub_dag import RunError
from scanhub_image_quality import __version__
from scanhub_image_quality.measure import Measure, NotMeasurableError
from scanhub_image_quality.metrics import (
    measure_ghosting,
    measure_snr,
    measure_snr_of_pair,
    measure_uniformity,
)
from scanhub_image_quality.mr_image import MrImage, read_header
from scanhub_image_quality.regions import Image, find_regions

SCHEMA_VERSION = 1
MAX_IMAGES = 10_000
_NO_MAGNITUDE = "The image is no magnitude image."
DEFINITIONS: dict[str, dict[str, str]] = {
    "snr": {
        "name": "Signal-to-noise ratio",
        "unit": "1",
        "definition": "NEMA MS 1-2008: method 1 (difference) or 4 (single_image)",
    },
    "percent_signal_ghosting": {
        "name": "Percent signal ghosting",
        "unit": "%",
        "definition": "ACR Phantom Test Guidance, Large MRI Phantom (2018), 6",
    },
    "percent_integral_uniformity": {
        "name": "Percent integral uniformity",
        "unit": "%",
        "definition": "ACR Phantom Test Guidance, Large MRI Phantom (2018), 5; NEMA MS 3-2008",
    },
}
Measures = dict[str, Measure]


def measure_series(
    paths: Sequence[Path], report_progress: Callable[[float], None] = lambda _: None
) -> dict[str, Any]:
    """Return the report of a series, JSON-ready.

    Parameters
    ----------
    paths
        Its DICOM files.
    report_progress
        Told how many percent of the images are measured.

    Raises
    ------
    RunError
        If there are none, or one is no MR image that can be read.
    """
    n_images = len(paths)
    if not 0 < n_images <= MAX_IMAGES:
        raise RunError(f"The input has {n_images} images; 1 to {MAX_IMAGES} can be measured.")
    images = [
        read_header(path, f"Image {number} of {n_images}") for number, path in enumerate(paths, 1)
    ]
    measured: list[Measures] = [{}] * n_images
    for n_done, (index, measures) in enumerate(_measure_all(images), 1):
        measured[index] = measures
        report_progress(100 * n_done / n_images)
    return {
        "schema_version": SCHEMA_VERSION,
        "software": f"scanhub_image_quality {__version__}",
        "definitions": DEFINITIONS,
        "n_images": n_images,
        "series": _summarize(measured),
        "echoes": _summarize_echoes(images, measured),
        "images": [_describe(*pair) for pair in zip(images, measured, strict=True)],
    }


def _measure_all(images: Sequence[MrImage]) -> Iterator[tuple[int, Measures]]:
    """Yield each image's place in the list and its measures, with two images in memory at most."""
    scans: dict[object, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        is_repeated = image.scan is not None and image.temporal_position is not None
        scans[image.scan if is_repeated else index].append(index)
    for indices in scans.values():
        indices.sort(key=lambda index: images[index].temporal_position or 0)
        previous: Image | None = None
        pixels = images[indices[0]].read_pixels()
        for index, next_index in zip(indices, [*indices[1:], None], strict=True):
            following = None if next_index is None else images[next_index].read_pixels()
            other = previous if following is None else following
            yield index, _measure(images[index], pixels, other)
            if following is not None:
                previous, pixels = pixels, following


def _measure(image: MrImage, pixels: Image, repetition: Image | None) -> Measures:
    try:
        if not image.is_magnitude or np.any(pixels < 0):
            raise NotMeasurableError(_NO_MAGNITUDE)
        regions = find_regions(pixels)
    except NotMeasurableError as error:
        return dict.fromkeys(DEFINITIONS, Measure(None, str(error)))
    snr = None if repetition is None else measure_snr_of_pair(pixels, repetition, regions)
    return {
        "snr": snr or measure_snr(pixels, regions, image.phase_direction),
        "percent_signal_ghosting": measure_ghosting(pixels, regions),
        "percent_integral_uniformity": measure_uniformity(pixels, regions),
    }


def _summarize(measured: Sequence[Measures]) -> dict[str, Any]:
    """Return the median of each measure, over the images that have it."""
    summary: dict[str, Any] = {}
    for name in DEFINITIONS:
        measures = [measures[name] for measures in measured]
        values = [measure.value for measure in measures if measure.value is not None]
        summary[name] = {
            "median": _round(median(values)) if values else None,
            "n_images": len(values),
            # The middle of a series is where the object is.
            "reason": None if values else measures[len(measures) // 2].reason,
        }
    return summary


def _summarize_echoes(
    images: Sequence[MrImage], measured: Sequence[Measures]
) -> list[dict[str, Any]]:
    echoes: dict[float | None, list[Measures]] = defaultdict(list)
    for image, measures in zip(images, measured, strict=True):
        echoes[image.echo_time_ms].append(measures)
    times = sorted(echoes, key=lambda time: (time is None, time or 0.0))
    return [{"echo_time_ms": time, **_summarize(echoes[time])} for time in times]


def _describe(image: MrImage, measures: Measures) -> dict[str, Any]:
    return {
        "instance_number": image.instance_number,
        "rows": image.rows,
        "columns": image.columns,
        "echo_time_ms": image.echo_time_ms,
        "temporal_position": image.temporal_position,
        "phase_encoding_direction": image.phase_direction,
        **{
            name: {"value": _round(measure.value), "reason": measure.reason, **measure.details}
            for name, measure in measures.items()
        },
    }


def _round(value: float | None) -> float | None:
    """Return four digits, which is more than any of the measures is known to."""
    return None if value is None else float(f"{value:.4g}")
