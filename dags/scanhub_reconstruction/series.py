"""Make the series of images of a measurement, one volume at a time, and describe it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from scanhub_dag import Run
from scanhub_reconstruction.dicom import write_dicom
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.preview import draw_preview
from scanhub_reconstruction.provenance import describe_provenance
from scanhub_reconstruction.reconstruction import reconstruct_volume
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.scratch import check_room, find_room
from scanhub_reconstruction.series_scale import SeriesScale


def store_images(raw: RawData, conf: RunConf, run: Run, report_coil: Callable[[], None]) -> None:
    """Reconstruct all volumes; add each image as DICOM, with the middle one as a preview.

    The images wait in a file, because their common scale is known when the last one is made.

    Parameters
    ----------
    raw
        The raw data.
    conf
        What the images are labelled with.
    run
        Takes them, each with the same facts: as results of one series.
    report_coil
        Called after each coil of each volume.
    """
    with open_images(raw, run) as file:
        for volume in range(len(raw.volumes)):
            file.write(np.ascontiguousarray(reconstruct_volume(raw, volume, report_coil)).data)
        add_images(raw, conf, run, file)


@contextmanager
def open_images(raw: RawData, run: Run) -> Iterator[IO[bytes]]:
    """Open a temporary file for the images of a measurement.

    Parameters
    ----------
    raw
        The raw data.
    run
        Has the folder.

    Raises
    ------
    RawDataError
        If the disk is too small.
    """
    check_room(4 * raw.n_images * raw.n_pixels, find_room(run.folder))
    with tempfile.TemporaryFile(dir=run.folder) as file:
        yield file


def add_images(raw: RawData, conf: RunConf, run: Run, file: IO[bytes]) -> None:
    """Add each image as DICOM, all in one scale, with the middle one as a preview.

    Parameters
    ----------
    raw, conf, run
        As of `store_images`.
    file
        The magnitudes, float32.
    """
    facts, scale = describe_image(raw), SeriesScale()
    for index in range(raw.n_images):
        scale = scale.include(_read_image(raw, file, index))
    preview = run.folder / "preview.png"
    preview.write_bytes(draw_preview(_read_image(raw, file, raw.n_images // 2)))
    for index in range(raw.n_images):
        path = run.folder / _name_image(index, raw.n_images)
        path.write_bytes(write_dicom(_read_image(raw, file, index), raw, conf, scale, index))
        run.add_result(path, type="DICOM", metadata=facts, preview=preview)
        path.unlink()


def _read_image(raw: RawData, file: IO[bytes], index: int) -> NDArray[np.float32]:
    file.seek(4 * raw.n_pixels * index)
    pixels = np.frombuffer(file.read(4 * raw.n_pixels), np.float32)
    return pixels.reshape(raw.image_shape[1:])


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
    if raw.n_images > 1:
        facts["n_images"] = raw.n_images
    return facts | describe_provenance(raw)


def _name_image(index: int, n_images: int) -> str:
    return "image.dcm" if n_images == 1 else f"image-{index + 1:04d}.dcm"
