"""Make the series of images of a measurement, one volume at a time, and describe it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scanhub_dag import Run
from scanhub_dag.disk import find_room
from scanhub_reconstruction.dicom import write_dicom
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.preview import draw_preview
from scanhub_reconstruction.provenance import describe_provenance
from scanhub_reconstruction.reconstruction import reconstruct_volume
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.scratch import check_room
from scanhub_reconstruction.series_scale import SeriesScale


class ImageStore(Protocol):
    """Takes the files of a series: its preview, then each image."""

    def upload(self, key: str, body: bytes, content_type: str) -> None:
        """Keep a file."""


class RunImages:
    """The images of a measurement as results of a run, each with the same facts.

    Parameters
    ----------
    raw
        The raw data of the images.
    run
        Takes them.
    """

    def __init__(self, raw: RawData, run: Run) -> None:
        self._facts = describe_image(raw)
        self._run = run
        self._preview: Path | None = None

    def upload(self, key: str, body: bytes, content_type: str) -> None:
        """Add an image to the run's results; a picture before it is its preview.

        Parameters
        ----------
        key
            The file's name.
        body
            The bytes.
        content_type
            Media type.
        """
        path = self._run.folder / key
        path.write_bytes(body)
        if content_type == "image/png":
            self._preview = path
            return
        self._run.add_result(path, type="DICOM", metadata=self._facts, preview=self._preview)
        path.unlink()


def store_images(
    raw: RawData, conf: RunConf, store: ImageStore, report_coil: Callable[[], None]
) -> None:
    """Reconstruct all volumes; store each image as DICOM, and the middle one as a preview.

    The images wait in a file, because their common scale is known when the last one is made.

    Parameters
    ----------
    raw
        The raw data.
    conf
        What the images are labelled with.
    store
        Takes them.
    report_coil
        Called after each coil of each volume.
    """
    with open_images(raw) as file:
        for volume in range(len(raw.volumes)):
            file.write(np.ascontiguousarray(reconstruct_volume(raw, volume, report_coil)).data)
        add_images(raw, conf, store, file)


@contextmanager
def open_images(raw: RawData) -> Iterator[IO[bytes]]:
    """Open a temporary file for the images of a measurement.

    Parameters
    ----------
    raw
        The raw data.

    Raises
    ------
    RawDataError
        If the disk is too small.
    """
    check_room(4 * raw.n_images * raw.n_pixels, find_room(Path(tempfile.gettempdir())))
    with tempfile.TemporaryFile() as file:
        yield file


def add_images(raw: RawData, conf: RunConf, store: ImageStore, file: IO[bytes]) -> None:
    """Store the preview, then each image as DICOM, all in one scale.

    Parameters
    ----------
    raw, conf, store
        As of `store_images`.
    file
        The magnitudes, float32.
    """
    scale = SeriesScale()
    for index in range(raw.n_images):
        scale = scale.include(_read_image(raw, file, index))
    preview = draw_preview(_read_image(raw, file, raw.n_images // 2))
    store.upload("preview.png", preview, "image/png")
    for index in range(raw.n_images):
        image = write_dicom(_read_image(raw, file, index), raw, conf, scale, index)
        store.upload(_name_image(index, raw.n_images), image, "application/dicom")


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
