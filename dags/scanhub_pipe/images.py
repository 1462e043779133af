"""Take an engine's images from its stream; nothing of it is believed before it is checked."""

from __future__ import annotations

import ctypes
import logging
import re
import struct
from collections.abc import Callable
from typing import IO

import numpy as np
from ismrmrd.image import ImageHeader
from ismrmrd.serialization import ISMRMRDMessageID
from numpy.typing import NDArray

from scanhub_pipe.errors import EngineError
from scanhub_pipe.image_checks import check_header, find_dtype, find_volume
from scanhub_reconstruction.model import RawData

NO_STREAM = "The reconstruction engine's output is no ISMRMRD stream of images."
_MAX_TEXT_BYTES, _MAX_ATTRIBUTE_BYTES, _MAX_OTHER_BYTES = 2**22, 2**20, 2**24
_CONFIG_FILE_BYTES = 1024
_LARGEST_PIXEL_BYTES = 8
_PIECE_BYTES = 2**16
_MAX_LOGGED = 500
_NAME = re.compile(r"Engine: (?P<name>[A-Za-z][\w .,+/()-]{0,62}[\w)])\s*")
_TEXTS = (ISMRMRDMessageID.CONFIG_TEXT, ISMRMRDMessageID.HEADER, ISMRMRDMessageID.TEXT)

_logger = logging.getLogger(__name__)

Read = Callable[[int], bytes]


def count_most_bytes(raw: RawData) -> int:
    """Return how long a stream with all images of a measurement can be.

    Parameters
    ----------
    raw
        The prepared measurement.
    """
    image_bytes = _LARGEST_PIXEL_BYTES * raw.image_shape[0] * raw.n_pixels + _MAX_ATTRIBUTE_BYTES
    return len(raw.volumes) * (image_bytes + 2**10) + _MAX_OTHER_BYTES


class ImageReceiver:
    """Sorts the images of a stream into a file.

    Parameters
    ----------
    raw
        The measurement that they are to be of.
    read
        Returns so many bytes of the stream, fewer where it ends.
    file
        Takes float32, in the order of `raw.volumes`.
    """

    def __init__(self, raw: RawData, read: Read, file: IO[bytes]) -> None:
        self._raw = raw
        self._read = read
        self._file = file
        self._received: set[int] = set()
        self._is_empty = True
        self.engine_name: str | None = None

    def receive(self) -> None:
        """Take all messages, until the closing one or the end of the stream.

        Raises
        ------
        EngineError
            If it is no ISMRMRD stream, or its images are not one magnitude image of each volume.
        """
        while (kind := self._read_kind()) is not None:
            if kind == ISMRMRDMessageID.IMAGE:
                self._take_image()
            elif kind in _TEXTS:
                self._take_text(kind)
            elif kind == ISMRMRDMessageID.CONFIG_FILE:
                self._read_exactly(_CONFIG_FILE_BYTES)
            elif kind == ISMRMRDMessageID.ACQUISITION:
                raise EngineError("The reconstruction engine sent raw data instead of images.")
            else:
                raise EngineError(NO_STREAM)
        if self._is_empty:
            raise EngineError("The reconstruction engine ended without sending anything.")
        if len(self._received) < len(self._raw.volumes):
            raise EngineError(
                f"The reconstruction engine sent {len(self._received)} of "
                f"{len(self._raw.volumes)} images."
            )

    def _read_kind(self) -> int | None:
        """Return what the next message is; None at the end."""
        data = self._read(2)
        if not data:
            return None
        self._is_empty = False
        if len(data) < 2:
            raise _broken_off()
        (kind,) = struct.unpack("<H", data)
        return None if kind == ISMRMRDMessageID.CLOSE else int(kind)

    def _read_exactly(self, n_bytes: int) -> bytes:
        data = self._read(n_bytes)
        if len(data) < n_bytes:
            raise _broken_off()
        return data

    def _take_text(self, kind: int) -> None:
        (n_bytes,) = struct.unpack("<I", self._read_exactly(4))
        if n_bytes > _MAX_TEXT_BYTES:
            raise EngineError(NO_STREAM)
        text = self._read_exactly(n_bytes).decode(errors="replace")
        if kind != ISMRMRDMessageID.TEXT:
            return
        if name := _NAME.fullmatch(text):
            self.engine_name = name["name"]
            return
        plain = "".join(c if c.isprintable() else " " for c in text[:_MAX_LOGGED])
        _logger.info("Engine: %s", plain.strip())

    def _take_image(self) -> None:
        head = ImageHeader.from_buffer_copy(self._read_exactly(ctypes.sizeof(ImageHeader)))
        dtype = find_dtype(head)
        index = find_volume(head, self._raw)
        if index in self._received:
            raise EngineError("The reconstruction engine sent an image twice.")
        check_header(head, self._raw, self._raw.volumes[index])
        self._skip_attributes()
        n_partitions, n_pixels = self._raw.image_shape[0], self._raw.n_pixels
        self._file.seek(4 * index * n_partitions * n_pixels)
        for _ in range(n_partitions):
            pixels = np.frombuffer(self._read_exactly(dtype.itemsize * n_pixels), dtype)
            self._file.write(_check_magnitudes(pixels).data)
        self._received.add(index)

    def _skip_attributes(self) -> None:
        (n_bytes,) = struct.unpack("<Q", self._read_exactly(8))
        if n_bytes > _MAX_ATTRIBUTE_BYTES:
            raise EngineError(NO_STREAM)
        for start in range(0, n_bytes, _PIECE_BYTES):
            self._read_exactly(min(_PIECE_BYTES, n_bytes - start))


def _broken_off() -> EngineError:
    return EngineError("The reconstruction engine's output broke off in the middle of a message.")


def _check_magnitudes(pixels: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        magnitudes = pixels.astype(np.float32)
        if not np.isfinite(magnitudes).all():
            raise EngineError(
                "The reconstruction engine's images hold values that are not finite numbers "
                "(NaN or Inf)."
            )
    if np.min(magnitudes) < 0:
        raise EngineError(
            "The reconstruction engine's images hold negative values; they are to be magnitudes."
        )
    return magnitudes
