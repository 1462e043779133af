"""A reconstruction engine: SENSE with ESPIRiT's sensitivities, by SigPy or by BART.

`python sense_engine.py [sigpy|bart]` reads an ISMRMRD stream of one Cartesian measurement, 2D or
3D, and writes a magnitude image of each volume. It imports nothing of ours: with SigPy it needs
`requirements/engine-sigpy.txt`; with BART the program `bart`, and ismrmrd.

Uecker et al., Magn Reson Med 71:990 (2014); Pruessmann et al., Magn Reson Med 46:638 (2001).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ismrmrd
import numpy as np
from ismrmrd.serialization import ProtocolDeserializer, ProtocolSerializer
from numpy.typing import NDArray

_COUNTERS = ("repetition", "set", "phase", "contrast", "slice")
_REFERENCE_FLAGS = (
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION,
    ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING,
)
_LEAST_REFERENCE_LINES, _MOST_REFERENCE_LINES = 8, 24
_KERNEL_WIDTH, _N_ITERATIONS = 6, 30
# Sensitivities are told where ESPIRiT's eigenvalue is above this: at SigPy's own 0.95, parts of an
# object become black where coils vary quickly.
_LEAST_EIGENVALUE = 0.5
# Of the squared norm of the image: where corners or a side of k-space were not measured, rounding
# errors would grow with each iteration.
_DAMPING = 1e-3
_SHOWN_LINES = 3

Key = tuple[int, ...]
# From k-space and calibration (coils, kz, ky, kx), which (kz, ky) were measured, and how many lines
# around the centre calibrate, to the image (kz, ky, kx); FFTs are orthonormal.
Unfold = Callable[
    [NDArray[np.complex64], NDArray[np.complex64], NDArray[np.bool_], int], NDArray[np.complex64]
]


@dataclass
class Lines:
    """The lines of one volume: samples (coils, kz, ky, kx), and which (kz, ky) are there."""

    head: Any
    kspace: NDArray[np.complex64]
    is_measured: NDArray[np.bool_]

    @classmethod
    def empty(cls, head: Any, shape: tuple[int, int, int]) -> Lines:
        """Return a volume without lines."""
        kspace = np.zeros((head.active_channels, *shape), np.complex64)
        return cls(head, kspace, np.zeros(shape[:2], np.bool_))

    def add(self, line: Any) -> None:
        """Put a line where its counters say; k = 0 is at the middle."""
        place = line.idx.kspace_encode_step_2, line.idx.kspace_encode_step_1
        first = self.kspace.shape[3] // 2 - line.center_sample
        self.kspace[:, *place, first : first + line.number_of_samples] = line.data
        self.is_measured[place] = True


def main(source: BinaryIO, target: BinaryIO, program: str) -> None:
    """Reconstruct one measurement."""
    name, unfold = _find_sigpy() if program == "sigpy" else _find_bart()
    messages = ProtocolDeserializer(source).deserialize()
    header: Any = next(messages)
    encoding = header.encoding[0]
    volumes, references = _sort_lines(messages, encoding)
    with ProtocolSerializer(target) as output:
        output.serialize(f"Engine: {name}")
        for key, volume in volumes.items():
            reference = references.get(key) or _find_other_time(key, references) or volume
            width = _find_calibration_width(reference.is_measured)
            kspace, calibration = (
                _crop_readout(lines.kspace, encoding) for lines in (volume, reference)
            )
            image = unfold(kspace, calibration, volume.is_measured, width)
            output.serialize(_build_image(_fit(image, encoding), volume.head, key, encoding))


def _sort_lines(
    messages: Iterator[Any], encoding: Any
) -> tuple[dict[Key, Lines], dict[Key, Lines]]:
    """Return the lines of the images and of the reference, each by volume."""
    size = encoding.encodedSpace.matrixSize
    shape = (size.z, size.y, size.x)
    images: dict[Key, Lines] = {}
    references: dict[Key, Lines] = {}
    mode = getattr(encoding.parallelImaging, "calibrationMode", None)
    for line in messages:
        key = tuple(getattr(line.idx, name) for name in _COUNTERS)
        is_reference, is_both = (line.isFlagSet(flag) for flag in _REFERENCE_FLAGS)
        kinds = [references] if is_reference or is_both else []
        # Embedded reference lines were acquired like those of the image, between them.
        if not is_reference or (mode is not None and mode.value == "embedded"):
            kinds.append(images)
        for kind in kinds:
            kind.setdefault(key, Lines.empty(line, shape)).add(line)
    return images, references


def _find_other_time(key: Key, references: dict[Key, Lines]) -> Lines | None:
    """Return the reference lines of the same slice, which may be acquired once for all."""
    return next((lines for other, lines in references.items() if other[-1] == key[-1]), None)


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


def _find_sigpy() -> tuple[str, Unfold]:
    import sigpy
    from sigpy.mri.app import EspiritCalib, SenseRecon

    def unfold(
        kspace: NDArray[np.complex64],
        calibration: NDArray[np.complex64],
        is_measured: NDArray[np.bool_],
        width: int,
    ) -> NDArray[np.complex64]:
        shape = kspace.shape[1:]
        weights = np.broadcast_to(is_measured[..., np.newaxis], kspace.shape)
        if shape[0] == 1:  # a slice has two directions
            kspace, calibration, weights = kspace[:, 0], calibration[:, 0], weights[:, 0]
        sensitivities = EspiritCalib(
            calibration,
            calib_width=width,
            kernel_width=min(_KERNEL_WIDTH, width // 2),
            crop=_LEAST_EIGENVALUE,
            show_pbar=False,
        ).run()
        recon = SenseRecon(
            kspace,
            sensitivities,
            weights=weights.astype(np.float32),
            lamda=_DAMPING,
            max_iter=_N_ITERATIONS,
            show_pbar=False,
        )
        return np.asarray(recon.run()).reshape(shape)

    return f"SigPy {sigpy.__version__}", unfold


def _find_bart() -> tuple[str, Unfold]:
    def unfold(
        kspace: NDArray[np.complex64],
        calibration: NDArray[np.complex64],
        is_measured: NDArray[np.bool_],
        width: int,
    ) -> NDArray[np.complex64]:
        shape = kspace.shape[1:]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # BART's arrays are Fortran's: (kx, ky, kz, coils) has the bytes of ours.
            for array, file in ((kspace, "kspace"), (calibration, "calibration")):
                (folder / f"{file}.cfl").write_bytes(array.tobytes())
                sizes = " ".join(str(size) for size in array.shape[::-1])
                (folder / f"{file}.hdr").write_text(f"# Dimensions\n{sizes}\n")
            crop = f"-c{_LEAST_EIGENVALUE}"
            _run_bart("ecalib", "-m1", f"-r{width}", crop, "calibration", "maps", folder=folder)
            _run_bart("pics", "-S", f"-i{_N_ITERATIONS}", "kspace", "maps", "image", folder=folder)
            samples = np.fromfile(folder / "image.cfl", np.complex64)
        return samples.reshape(shape)

    version = _run_bart("version", folder=Path.cwd()).strip().removeprefix("v")
    return f"BART {version}", unfold


def _run_bart(*arguments: str, folder: Path) -> str:
    """Return what BART says; end with its last words if it fails."""
    done = subprocess.run(  # noqa: S603 - our own words
        ("bart", *arguments),  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        sys.exit("\n".join(done.stderr.splitlines()[-_SHOWN_LINES:]) or "bart failed.")
    return done.stdout


def _crop_readout(kspace: NDArray[np.complex64], encoding: Any) -> NDArray[np.complex64]:
    """Return k-space of the image's columns only: the readout is oversampled, and complete."""
    encoded, recon = encoding.encodedSpace, encoding.reconSpace
    share = recon.fieldOfView_mm.x / encoded.fieldOfView_mm.x
    shape = (*kspace.shape[:-1], round(encoded.matrixSize.x * share))
    return _transform(np.fft.fft, _resize(_transform(np.fft.ifft, kspace, (-1,)), shape), (-1,))


def _fit(image: NDArray[np.complex64], encoding: Any) -> NDArray[np.float32]:
    """Interpolate to the pixels of the reconSpace by zero-filling, and crop to its matrix."""
    encoded, recon = encoding.encodedSpace.fieldOfView_mm, encoding.reconSpace.fieldOfView_mm
    size = encoding.reconSpace.matrixSize
    shape = (round(size.z * encoded.z / recon.z), round(size.y * encoded.y / recon.y), size.x)
    if shape != image.shape:
        axes = (0, 1, 2)
        image = _transform(np.fft.fft, image, axes)
        image = _transform(np.fft.ifft, _resize(image, shape), axes)
    return np.abs(_resize(image, (size.z, size.y, size.x)))


def _transform(fft: Any, array: NDArray[Any], axes: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return the centred orthonormal transform."""
    array = np.fft.ifftshift(array, axes)
    for axis in axes:
        array = fft(array, axis=axis, norm="ortho")
    return np.fft.fftshift(array, axes).astype(np.complex64)


def _resize(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Crop or zero-fill all axes so that the element at index N // 2 comes to N // 2."""
    target = np.zeros(shape, array.dtype)
    taken, given = [], []
    for old, new in zip(array.shape, shape, strict=True):
        before, after = min(old // 2, new // 2), min(old - old // 2, new - new // 2)
        taken.append(slice(old // 2 - before, old // 2 + after))
        given.append(slice(new // 2 - before, new // 2 + after))
    target[tuple(given)] = array[tuple(taken)]
    return target


def _build_image(pixels: NDArray[np.float32], head: Any, key: Key, encoding: Any) -> ismrmrd.Image:
    fov_mm = encoding.reconSpace.fieldOfView_mm
    return ismrmrd.Image.from_array(
        pixels[np.newaxis],
        acquisition=head,
        transpose=False,
        field_of_view=(fov_mm.x, fov_mm.y, fov_mm.z),
        image_type=ismrmrd.IMTYPE_MAGNITUDE,
        **dict(zip(_COUNTERS, key, strict=True)),
    )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "sigpy"
    if chosen not in ("sigpy", "bart"):
        sys.exit("usage: sense_engine.py [sigpy|bart]")
    main(sys.stdin.buffer, sys.stdout.buffer, chosen)
