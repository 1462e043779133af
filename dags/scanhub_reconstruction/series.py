"""Make the series of images of a measurement, one volume at a time, and describe it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scanhub_reconstruction.dicom import write_dicom
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.object_store import ObjectStore
from scanhub_reconstruction.preview import draw_preview
from scanhub_reconstruction.provenance import describe_provenance
from scanhub_reconstruction.reconstruction import reconstruct_volume
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.scratch import check_room, find_room
from scanhub_reconstruction.series_scale import SeriesScale

_MAX_RESULTS = 20  # what one callback may carry


def store_images(
    raw: RawData, run: RunConf, store: ObjectStore, report_coil: Callable[[], None]
) -> None:
    """Reconstruct all volumes; store each image as DICOM, and the middle one as a preview.

    The images wait in a file, because their common scale is known when the last one is made.

    Parameters
    ----------
    raw
        The raw data.
    run
        Where the images go.
    store
        The bucket.
    report_coil
        Called after each coil of each volume.
    """
    with tempfile.TemporaryFile() as file:
        check_room(4 * raw.n_images * raw.n_pixels, find_room(Path(tempfile.gettempdir())))
        scale = _reconstruct(raw, file, report_coil)
        for index, image in enumerate(_read_images(raw, file)):
            if index == raw.n_images // 2:
                store.upload(_name_preview(run.output_prefix), draw_preview(image), "image/png")
            store.upload(
                _name_image(run.output_prefix, index, raw.n_images),
                write_dicom(image, raw, run, scale, index),
                "application/dicom",
            )


def _reconstruct(raw: RawData, file: IO[bytes], report_coil: Callable[[], None]) -> SeriesScale:
    """Write all images to the file, and return the scale that they have in common."""
    scale = SeriesScale()
    for volume in range(len(raw.volumes)):
        for image in reconstruct_volume(raw, volume, report_coil):
            scale = scale.include(image)
            file.write(np.ascontiguousarray(image).data)
    return scale


def _read_images(raw: RawData, file: IO[bytes]) -> Iterator[NDArray[np.float32]]:
    file.seek(0)
    for _ in range(raw.n_images):
        pixels = np.frombuffer(file.read(4 * raw.n_pixels), np.float32)
        yield pixels.reshape(raw.image_shape[1:])


def describe_results(raw: RawData, output_prefix: str) -> list[dict[str, Any]]:
    """Return what to report: each image, or the first one for all when they are too many.

    Parameters
    ----------
    raw
        The raw data of the images.
    output_prefix
        Where they are stored.

    Returns
    -------
    list[dict]
        JSON-ready, the same for every try of a run.
    """
    facts = describe_image(raw)
    if raw.n_images > 1:
        facts["n_images"] = raw.n_images
    n_results = raw.n_images if raw.n_images <= _MAX_RESULTS else 1
    return [
        {
            "type": "DICOM",
            "key": _name_image(output_prefix, index, raw.n_images),
            "preview_key": _name_preview(output_prefix),
            "metadata": facts,
        }
        for index in range(n_results)
    ]


def describe_image(raw: RawData) -> dict[str, Any]:
    """Return the technical facts of the images, free of times: they are the same for every try.

    Parameters
    ----------
    raw
        The raw data of the images.

    Returns
    -------
    dict
        JSON-ready; matrix and spacing are (rows, columns), that of 3D k-space (kz, ky, kx).
    """
    kspace_matrix = list(raw.kspace.shape[2:])
    facts: dict[str, Any] = {
        "source_format": raw.source_format,
        "matrix": list(raw.image_shape[1:]),
        "kspace_matrix": kspace_matrix if kspace_matrix[0] > 1 else kspace_matrix[1:],
        "n_coils": raw.n_coils,
        "n_averages": raw.n_averages,
    }
    if raw.pixel_spacing_mm is not None:
        facts["pixel_spacing_mm"] = list(raw.pixel_spacing_mm)
    if raw.scan is not None and raw.scan.slice_thickness_mm is not None:
        facts["slice_thickness_mm"] = raw.scan.slice_thickness_mm
    return facts | describe_provenance(raw)


def _name_preview(output_prefix: str) -> str:
    return f"{output_prefix.rstrip('/')}/preview.png"


def _name_image(output_prefix: str, index: int, n_images: int) -> str:
    name = "image.dcm" if n_images == 1 else f"image-{index + 1:04d}.dcm"
    return f"{output_prefix.rstrip('/')}/{name}"
