"""Time and peak memory of the reconstruction, beside plain NumPy on the same k-space.

    make benchmark-reconstruction

Each measurement is one fresh process that reads a `.npy` file and makes the root-sum-of-squares
image; the methods take turns, so that a busy machine slows all of them. Plain NumPy transforms the
whole array at once, shifted by copies, in the precision of the file (complex64) and in complex128.
Memory is the process's largest resident set, the interpreter and its packages (0.1 GB) included.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# This process imports no arrays: what it occupies would count as its children's peak.
from benchmarks.child import peak_mb, run_child, tell
from benchmarks.report import make_table, run_command, take_medians

_SHAPES = ((8, 128, 256, 256), (1, 64, 512, 512))  # coils, kz, ky, kx
_QUICK_SHAPES = ((2, 32, 128, 128),)
_METHODS = ("ours", "numpy complex64", "numpy complex128")
_N_REPEATS = 5


@dataclass(frozen=True)
class Measurement:
    """Duration and peak memory of one fresh process [s, MB]."""

    duration_s: float
    peak_mb: float


def compare(is_quick: bool) -> str:
    """Return what all methods take on all shapes, as tables in Markdown."""
    return "\n\n".join(map(_compare_one, _QUICK_SHAPES if is_quick else _SHAPES))


def _compare_one(shape: tuple[int, ...]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "kspace.npy"))
        run_child("reconstruction", "write", path, *map(str, shape))
        rounds = [
            [Measurement(*run_child("reconstruction", method, path)) for method in _METHODS]
            for _ in range(_N_REPEATS)
        ]
    medians = [take_medians(each) for each in zip(*rounds, strict=True)]
    ours = medians[0]
    rows = [
        [
            method,
            f"{each.duration_s:.2f}",
            f"{each.peak_mb / 1e3:.2f}",
            f"{each.duration_s / ours.duration_s:.1f}",
            f"{ours.peak_mb / each.peak_mb:.2f}",
        ]
        for method, each in zip(_METHODS, medians, strict=True)
    ]
    name = f"{shape[0]} coil(s), {' by '.join(map(str, shape[1:]))}"
    return make_table([name, "seconds", "peak GB", "times as long", "ours / memory"], rows)


def _write_kspace(path: str, shape: tuple[int, ...]) -> None:
    """Write random k-space, complex64."""
    import numpy as np

    kspace = np.lib.format.open_memmap(path, "w+", np.complex64, shape)
    random = np.random.default_rng(0)
    for coil in kspace:
        coil.view(np.float32)[...] = random.standard_normal((*shape[1:3], 2 * shape[3]), np.float32)


def _import_ours() -> Callable[[Path], object]:
    from scanhub_reconstruction.raw_data import read_raw_data
    from scanhub_reconstruction.reconstruction import reconstruct_volume

    return lambda path: reconstruct_volume(read_raw_data(path), 0)


def _import_numpy(dtype: str) -> Callable[[Path], object]:
    import numpy as np

    def reconstruct(path: Path) -> object:
        kspace = np.load(path).astype(dtype, copy=False)
        axes = (1, 2, 3)
        shifted = np.fft.ifftshift(kspace, axes=axes)
        images = np.fft.fftshift(np.fft.ifftn(shifted, axes=axes, norm="ortho"), axes=axes)
        return np.sqrt(np.sum(np.abs(images) ** 2, axis=0))

    return reconstruct


def _run_method(method: str, path: Path) -> None:
    """Tell what one method takes, after the imports."""
    reconstruct = _import_ours() if method == "ours" else _import_numpy(method.split()[1])
    start_s = time.perf_counter()
    reconstruct(path)
    tell([time.perf_counter() - start_s, peak_mb()])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", path, *sizes]:
            _write_kspace(path, tuple(map(int, sizes)))
            tell("written")
        case [method, path]:
            _run_method(method, Path(path))
        case _:
            run_command(compare)
