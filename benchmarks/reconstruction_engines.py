"""One reconstruction of one scan: ``python -m benchmarks.reconstruction_engines ENGINE …``.

Others than ours get the k-space by a single read of the file, and sort it by the counters. The
scan is written by ``write``, and the images are compared by ``compare``, with NumPy's.
"""

from __future__ import annotations

import importlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.child import cpu_s, peak_mb, tell

Image = NDArray[np.floating]


def reconstruct_here(path: Path) -> Image:
    """Reconstruct by the code that PYTHONPATH names: of this checkout, or of an older one."""
    from scanhub_reconstruction.raw_data import read_raw_data
    from scanhub_reconstruction.reconstruction import reconstruct_volume

    return reconstruct_volume(read_raw_data(path), 0)


def reconstruct_by_numpy(path: Path) -> Image:
    """Reconstruct in double precision, which the others are compared with."""
    axes = (1, 2, 3)
    shifted = np.fft.ifftshift(_read_kspace(path).astype(np.complex128), axes=axes)
    return _combine(np.fft.fftshift(np.fft.ifftn(shifted, axes=axes, norm="ortho"), axes=axes))


def reconstruct_by_sigpy(path: Path) -> Image:
    """Reconstruct by SigPy's centred transform."""
    sigpy: Any = importlib.import_module("sigpy")  # has no types, and need not be there
    return _combine(sigpy.ifft(_read_kspace(path), axes=(1, 2, 3)))


def reconstruct_by_bart(path: Path) -> Image:
    """Reconstruct by BART's commands, which exchange files."""
    kspace = _read_kspace(path)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        # Its first dimension is the fastest one.
        sizes = " ".join(map(str, kspace.shape[::-1]))
        (place / "kspace.hdr").write_text(f"# Dimensions\n{sizes}\n")
        kspace.tofile(place / "kspace.cfl")
        for command in ("fft -u -i 7 kspace images", "rss 8 images image"):
            subprocess.run(["bart", *command.split()], cwd=place, check=True)  # noqa: S603, S607
        image = np.fromfile(place / "image.cfl", np.complex64).reshape(kspace.shape[1:])
    return _crop(np.abs(image))


ENGINES: dict[str, Callable[[Path], Image]] = {
    "ours": reconstruct_here,
    "NumPy": reconstruct_by_numpy,
    "SigPy": reconstruct_by_sigpy,
    "BART": reconstruct_by_bart,
}


def _read_kspace(path: Path) -> NDArray[np.complex64]:
    """Return the k-space, shape (coils, kz, ky, kx)."""
    import h5py

    with h5py.File(path) as file:
        records: Any = file["dataset/data"][:]
    index, n_coils = records["head"]["idx"], int(records["head"]["active_channels"][0])
    steps = (index["kspace_encode_step_2"], index["kspace_encode_step_1"])
    lines = np.stack([line.view(np.complex64).reshape(n_coils, -1) for line in records["data"]])
    sizes = (int(steps[0].max()) + 1, int(steps[1].max()) + 1)
    kspace = np.empty((n_coils, *sizes, lines.shape[2]), np.complex64)
    kspace[:, steps[0], steps[1]] = lines.swapaxes(0, 1)
    return kspace


def _combine(images: NDArray[np.complexfloating]) -> Image:
    return _crop(np.sqrt(np.sum(np.abs(images) ** 2, axis=0)))


def _crop(image: Image) -> Image:
    """Remove the readout's oversampling by two."""
    n_columns = image.shape[-1] // 2
    return image[..., n_columns // 2 : n_columns // 2 + n_columns]


def write_scan(folder: Path, n_coils: int, n_partitions: int, matrix_size: int) -> None:
    """Write the phantom; in 3D, the same in each partition but for a blur along kz."""
    import h5py
    import ismrmrd

    from local.phantom import simulate_acquisition

    path = folder / "raw.h5"
    simulate_acquisition(path, n_coils=n_coils, matrix_size=matrix_size)
    if n_partitions == 1:
        return
    with h5py.File(path, "r+") as file:
        records = file["dataset/data"][:]
        del file["dataset/data"]
        data = file["dataset"].create_dataset(
            "data", (n_partitions * records.size,), records.dtype, maxshape=(None,), chunks=(1,)
        )
        for partition in range(n_partitions):
            part = records.copy()
            part["head"]["idx"]["kspace_encode_step_2"] = partition
            weight = np.float32(np.exp(-(((partition - n_partitions // 2) / 6) ** 2)))
            part["data"] = [weight * line for line in records["data"]]
            data[partition * records.size : (partition + 1) * records.size] = part
    with ismrmrd.Dataset(str(path), mode="r+") as dataset:
        header = ismrmrd.xsd.CreateFromDocument(dataset.read_xml_header())
        encoding = header.encoding[0]
        for space in (encoding.encodedSpace, encoding.reconSpace):
            space.matrixSize.z, space.fieldOfView_mm.z = n_partitions, 3.0 * n_partitions
        encoding.encodingLimits.kspace_encoding_step_2 = None
        dataset.write_xml_header(ismrmrd.xsd.ToXML(header).encode())


def compare(folder: Path, titles: list[str]) -> dict[str, float]:
    """Return the largest difference from NumPy's image, over its maximum."""
    truth = np.load(folder / "NumPy.npy")
    images = {title: np.load(folder / f"{title}.npy") for title in titles}
    return {
        title: float(np.max(np.abs(image - truth)) / truth.max()) for title, image in images.items()
    }


def reconstruct(engine: str, folder: Path, title: str) -> dict[str, float]:
    """Reconstruct, and return time and memory of this process and those that it starts."""
    start_s = time.perf_counter()
    made = ENGINES[engine](folder / "raw.h5")
    elapsed_s = time.perf_counter() - start_s
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    np.save(folder / f"{title}.npy", made)
    return {
        "elapsed_s": elapsed_s,
        "cpu_s": cpu_s() + children.ru_utime + children.ru_stime,
        "peak_mb": max(peak_mb(), children.ru_maxrss * 1024 / 1e6),
    }


def main(engine: str, folder: Path, *arguments: str) -> None:
    """Do what the command line says."""
    if engine == "write":
        write_scan(folder, *map(int, arguments))
        tell({})
    elif engine == "compare":
        tell(compare(folder, list(arguments)))
    else:
        tell(reconstruct(engine, folder, *arguments))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
