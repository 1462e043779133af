"""A reconstruction engine: SENSE with ESPIRiT's sensitivities, by SigPy.

It reads an ISMRMRD stream of one Cartesian measurement, 2D or 3D, and writes a magnitude image of
each volume. It imports nothing of ours: `pip install --require-hashes -r engine-sigpy.txt` is all.

Uecker et al., Magn Reson Med 71:990 (2014); Pruessmann et al., Magn Reson Med 46:638 (2001).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import ismrmrd
import numpy as np
import sigpy
from ismrmrd.serialization import ProtocolDeserializer, ProtocolSerializer
from numpy.typing import NDArray
from sigpy.mri.app import EspiritCalib, SenseRecon

_COUNTERS = ("repetition", "set", "phase", "contrast", "slice")
_REFERENCE_FLAGS = (
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING,
)
_LEAST_REFERENCE_LINES, _MOST_REFERENCE_LINES = 8, 24
_N_ITERATIONS = 30
_KERNEL_WIDTH = 6


@dataclass
class Measured:
    """The lines of one volume: samples (coils, kz, ky, kx), and which (kz, ky) are there."""

    head: Any
    kspace: NDArray[np.complex64]
    is_measured: NDArray[np.bool_]
    columns: slice = field(default_factory=lambda: slice(None))

    @classmethod
    def empty(cls, head: Any, shape: tuple[int, int, int]) -> Measured:
        """Return a volume without lines."""
        kspace = np.zeros((head.active_channels, *shape), np.complex64)
        return cls(head, kspace, np.zeros(shape[:2], np.bool_))

    def add(self, line: Any) -> None:
        """Put a line where its counters say; k = 0 is at the middle."""
        place = line.idx.kspace_encode_step_2, line.idx.kspace_encode_step_1
        first = self.kspace.shape[3] // 2 - line.center_sample
        self.columns = slice(first, first + line.number_of_samples)
        self.kspace[:, *place, self.columns] = line.data
        self.is_measured[place] = True


def main(source: BinaryIO, target: BinaryIO) -> None:
    """Reconstruct one measurement."""
    messages = ProtocolDeserializer(source).deserialize()
    header: Any = next(messages)
    encoding = header.encoding[0]
    volumes, references = _sort_lines(messages, encoding)
    with ProtocolSerializer(target) as output:
        output.serialize(f"Engine: SigPy {sigpy.__version__}")
        for image in _reconstruct(volumes, references, encoding):
            output.serialize(image)


def _sort_lines(
    messages: Iterator[Any], encoding: Any
) -> tuple[dict[tuple[int, ...], Measured], dict[tuple[int, ...], Measured]]:
    """Return the lines of the images and of the reference, each by volume."""
    size = encoding.encodedSpace.matrixSize
    shape = (size.z, size.y, size.x)
    images: dict[tuple[int, ...], Measured] = {}
    references: dict[tuple[int, ...], Measured] = {}
    mode = getattr(encoding.parallelImaging, "calibrationMode", None)
    for line in messages:
        key = tuple(getattr(line.idx, name) for name in _COUNTERS)
        is_reference, is_both = (line.isFlagSet(flag) for flag in _REFERENCE_FLAGS)
        kinds = [references] if is_reference or is_both else []
        # Embedded reference lines were acquired like those of the image, between them.
        if not is_reference or (mode is not None and mode.value == "embedded"):
            kinds.append(images)
        for kind in kinds:
            kind.setdefault(key, Measured.empty(line, shape)).add(line)
    return images, references


def _reconstruct(
    volumes: dict[tuple[int, ...], Measured],
    references: dict[tuple[int, ...], Measured],
    encoding: Any,
) -> Iterator[ismrmrd.Image]:
    for key, volume in volumes.items():
        reference = references.get(key) or _find_other_time(key, references) or volume
        image = _unfold(volume, reference, encoding)
        yield _build_image(image, volume.head, key, encoding)


def _find_other_time(
    key: tuple[int, ...], references: dict[tuple[int, ...], Measured]
) -> Measured | None:
    """Return the reference lines of the same slice, which may be acquired once for all."""
    return next((lines for other, lines in references.items() if other[-1] == key[-1]), None)


def _unfold(volume: Measured, reference: Measured, encoding: Any) -> NDArray[np.float32]:
    """Return the magnitude, shape (partitions, rows, columns) of the reconSpace."""
    recon = encoding.reconSpace
    kspace, calibration = (_crop_readout(lines.kspace, encoding) for lines in (volume, reference))
    weights = np.zeros(kspace.shape[1:], np.float32)
    weights[volume.is_measured] = 1
    if kspace.shape[1] == 1:  # a slice
        kspace, calibration, weights = kspace[:, 0], calibration[:, 0], weights[0]
    width = _find_calibration_width(reference.is_measured)
    sensitivities = EspiritCalib(
        calibration,
        calib_width=width,
        kernel_width=min(_KERNEL_WIDTH, width // 2),
        show_pbar=False,
    ).run()
    image = SenseRecon(
        kspace,
        sensitivities,
        weights=np.broadcast_to(weights, kspace.shape),
        max_iter=_N_ITERATIONS,
        show_pbar=False,
    ).run()
    image = image.reshape(-1, *image.shape[-2:])
    return _fit(image, encoding, (recon.matrixSize.z, recon.matrixSize.y, recon.matrixSize.x))


def _crop_readout(kspace: NDArray[np.complex64], encoding: Any) -> NDArray[np.complex64]:
    """Return k-space of the image's columns only: the readout is oversampled, and complete."""
    encoded, recon = encoding.encodedSpace, encoding.reconSpace
    share = recon.fieldOfView_mm.x / encoded.fieldOfView_mm.x
    n_columns = round(encoded.matrixSize.x * share)
    hybrid = sigpy.resize(sigpy.ifft(kspace, axes=(-1,)), (*kspace.shape[:-1], n_columns))
    return np.asarray(sigpy.fft(hybrid, axes=(-1,)), np.complex64)


def _find_calibration_width(is_measured: NDArray[np.bool_]) -> int:
    """Return how many lines around k = 0 are there, along each direction that has several."""
    n_kz, n_ky = is_measured.shape
    width = 0
    for candidate in range(2, _MOST_REFERENCE_LINES + 1, 2):
        half = candidate // 2
        rows = slice(max(n_ky // 2 - half, 0), n_ky // 2 + half)
        partitions = slice(max(n_kz // 2 - half, 0), n_kz // 2 + half) if n_kz > 1 else slice(None)
        if candidate > n_ky or not is_measured[partitions, rows].all():
            break
        width = candidate
    if width < _LEAST_REFERENCE_LINES:
        sys.exit(f"There are {width} reference lines around the centre of k-space; 8 are needed.")
    return width


def _fit(
    image: NDArray[np.complex64], encoding: Any, matrix: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Interpolate to the pixels of the reconSpace by zero-filling, and crop to its matrix."""
    encoded, recon = encoding.encodedSpace.fieldOfView_mm, encoding.reconSpace.fieldOfView_mm
    shares = (encoded.z / recon.z, encoded.y / recon.y, 1.0)
    shape = [round(size * share) for size, share in zip(matrix, shares, strict=True)]
    if len(image) == 1:
        shape[0] = 1
    if tuple(shape) != image.shape:
        image = sigpy.ifft(sigpy.resize(sigpy.fft(image), shape))
    return np.asarray(np.abs(sigpy.resize(image, matrix)), np.float32)


def _build_image(
    pixels: NDArray[np.float32], head: Any, key: tuple[int, ...], encoding: Any
) -> ismrmrd.Image:
    fov_mm = encoding.reconSpace.fieldOfView_mm
    image = ismrmrd.Image.from_array(
        pixels[np.newaxis],
        acquisition=head,
        transpose=False,
        field_of_view=(fov_mm.x, fov_mm.y, fov_mm.z),
        image_type=ismrmrd.IMTYPE_MAGNITUDE,
        **dict(zip(_COUNTERS, key, strict=True)),
    )
    return image


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
