"""Time and peak memory of the reconstruction, beside plain NumPy on the same k-space.

    make benchmark-reconstruction

Each measurement is one fresh process that reads a `.npy` file and makes the root-sum-of-squares
image; the methods take turns, so that a busy machine slows all of them. Plain NumPy transforms the
whole array at once, shifted by copies, in the precision of the file (complex64) and in complex128.
Memory is the process's largest resident set, the interpreter and its packages (0.1 GB) included.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# This process imports no arrays: what it occupies would count as its children's peak.
_ROOT = Path(__file__).resolve().parents[1]
_SHAPES = ((8, 128, 256, 256), (1, 64, 512, 512))  # coils, kz, ky, kx
_METHODS = ("ours", "numpy complex64", "numpy complex128")
_N_REPEATS = 5
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Measure all methods on all shapes and print medians and their ratios."""
    for shape in _SHAPES:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "kspace.npy"
            _run_child("write", str(path), *map(str, shape))
            runs = [
                {method: _measure(method, path) for method in _METHODS} for _ in range(_N_REPEATS)
            ]
        print(f"\n{shape[0]} coil(s), {' by '.join(map(str, shape[1:]))}, {_N_REPEATS} runs each")
        print(f"{'':18}{'seconds':>10}{'peak GB':>10}{'times as long':>15}{'ours / memory':>15}")
        medians = {
            method: tuple(statistics.median(run[method][i] for run in runs) for i in (0, 1))
            for method in _METHODS
        }
        ours_s, ours_gb = medians["ours"]
        for method, (duration_s, peak_gb) in medians.items():
            ratios = f"{duration_s / ours_s:15.1f}{ours_gb / peak_gb:15.2f}"
            print(f"{method:18}{duration_s:10.2f}{peak_gb:10.2f}{ratios}")


def _measure(method: str, path: Path) -> tuple[float, float]:
    """Return duration in seconds and peak memory in GB of one fresh process."""
    duration_s, peak_gb = json.loads(_run_child("measure", method, str(path)))
    return duration_s, peak_gb


def _run_child(*arguments: str) -> str:
    command = [sys.executable, __file__, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - our own words, no shell


def _write_kspace(path: Path, shape: tuple[int, ...]) -> None:
    """Write random k-space, complex64."""
    import numpy as np

    kspace = np.lib.format.open_memmap(path, "w+", np.complex64, shape)
    random = np.random.default_rng(0)
    for coil in kspace:
        coil.view(np.float32)[...] = random.standard_normal((*shape[1:3], 2 * shape[3]), np.float32)


def _run_method(method: str, path: Path) -> None:
    """Print what one method takes, after the imports."""
    reconstruct = _import_ours() if method == "ours" else _import_numpy(method.split()[1])
    start_s = time.perf_counter()
    reconstruct(path)
    duration_s = time.perf_counter() - start_s
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT_BYTES / 1e9
    print(json.dumps([duration_s, peak_gb]))


def _import_ours() -> Callable[[Path], object]:
    sys.path.insert(0, str(_ROOT / "dags"))
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


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["write", path, *sizes]:
            _write_kspace(Path(path), tuple(map(int, sizes)))
        case ["measure", method, path]:
            _run_method(method, Path(path))
        case _:
            sys.exit(__doc__)
