"""Small files that ask for much, each by another way; none is a measurement."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t
from ismrmrd import hdf5

from local.phantom import simulate_acquisition

_GIB = 2**30


def _replace_data(path: Path, **arguments: Any) -> h5py.Dataset:
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    with h5py.File(path, "r+") as file:
        del file["dataset/data"]
        return file["dataset"].create_dataset("data", dtype=hdf5.acquisition_dtype, **arguments)


def _replace_text(path: Path, n_bytes: int, **arguments: Any) -> None:
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    with h5py.File(path, "r+") as file:
        del file["dataset/xml"]
        file["dataset"].create_dataset("xml", shape=(1,), dtype=f"S{n_bytes}", **arguments)


def _edit_document(path: Path, change: Callable[[str], str]) -> None:
    with h5py.File(path, "r+") as file:
        document = change(file["dataset/xml"][0].decode())
        del file["dataset/xml"]
        file["dataset"].create_dataset("xml", data=[document], dtype=h5py.string_dtype())


def write_acquisitions_never_written(path: Path) -> None:
    _replace_data(path, shape=(10**9,), chunks=(64,))


def write_acquisitions_never_allocated(path: Path) -> None:
    _replace_data(path, shape=(10**9,))


def write_deflated_acquisitions(path: Path) -> None:
    """Write a million acquisitions that are zeros, a thousand times smaller in the file."""
    _replace_data(path, shape=(1,), maxshape=(None,), chunks=(10_000,), compression=9)
    with h5py.File(path, "r+") as file:
        data = file["dataset/data"]
        data.resize((10**6,))
        chunk = zlib.compress(bytes(10_000 * data.id.get_type().get_size()), 9)
        for start in range(0, 10**6, 10_000):
            data.id.write_direct_chunk((start,), chunk)


def write_chunk_that_inflates_beyond_its_size(path: Path) -> None:
    _replace_data(path, shape=(32,), chunks=(32,), compression=9)
    with h5py.File(path, "r+") as file:
        file["dataset/data"].id.write_direct_chunk((0,), _deflate_zeros(_GIB))


def write_huge_chunk(path: Path) -> None:
    _replace_data(path, shape=(1,), maxshape=(None,), chunks=(3 * 10**6,), compression=9)
    with h5py.File(path, "r+") as file:
        data = file["dataset/data"].id
        data.write_direct_chunk((0,), _deflate_zeros(3 * 10**6 * data.get_type().get_size()))


def write_acquisitions_that_share_their_samples(path: Path) -> None:
    """Let every acquisition refer to the samples of the first, which are most of the file."""
    n_acquisitions, n_samples = 20_000, 65_535
    simulate_acquisition(path, n_coils=1, matrix_size=32)
    records = np.zeros(n_acquisitions, hdf5.acquisition_dtype)
    records["head"]["number_of_samples"], records["head"]["active_channels"] = n_samples, 1
    for record in records:
        record["traj"] = record["data"] = np.zeros(0, np.float32)
    records[0]["data"] = np.ones(2 * n_samples, np.float32)
    with h5py.File(path, "r+") as file:
        del file["dataset/data"]
        plan = h5p.create(h5p.DATASET_CREATE)
        plan.set_layout(h5d.CONTIGUOUS)
        dtype = h5t.py_create(hdf5.acquisition_dtype, logical=True)
        space = h5s.create_simple(records.shape)
        data = h5d.create(file["dataset"].id, b"data", dtype, space, plan)
        h5py.Dataset(data)[:] = records
        start, item_bytes = data.get_offset(), dtype.get_size()
    content = bytearray(path.read_bytes())
    reference = slice(item_bytes - 16, item_bytes)  # length, address and index in the heap
    first = content[start:][reference]
    assert struct.unpack_from("<I", first)[0] == 2 * n_samples
    for index in range(n_acquisitions):
        offset = start + index * item_bytes
        content[offset + reference.start : offset + reference.stop] = first
    path.write_bytes(content)


def write_text_never_written(path: Path) -> None:
    _replace_text(path, _GIB)


def write_text_of_a_fill_value(path: Path) -> None:
    _replace_text(path, 60_000, maxshape=(None,), chunks=(1,), fillvalue=b"<" * 60_000)


def write_deflated_text(path: Path) -> None:
    _replace_text(path, 2**20, chunks=(1,), compression=9)
    with h5py.File(path, "r+") as file:
        file["dataset/xml"].id.write_direct_chunk((0,), _deflate_zeros(_GIB))


def write_long_text(path: Path) -> None:
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    _edit_document(path, lambda document: document + " " * 2**23)


def write_text_of_many_elements(path: Path) -> None:
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    _edit_document(path, lambda document: document.replace("<TE>", "<TE>1</TE>" * 300_000 + "<TE>"))


def write_text_of_deep_elements(path: Path) -> None:
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    _edit_document(path, lambda _: "<ismrmrdHeader>" * 200_000)


def write_one_readout_of_a_large_matrix(path: Path) -> None:
    """Let the header's own limits say that one line is all there is."""
    simulate_acquisition(path, n_coils=2, matrix_size=32)
    with h5py.File(path, "r+") as file:
        records = np.array(file["dataset/data"][:1], hdf5.acquisition_dtype)
        records["head"]["idx"]["kspace_encode_step_1"] = 0
        del file["dataset/data"]
        file["dataset"].create_dataset("data", data=records, dtype=hdf5.acquisition_dtype)
    steps = "".join(
        f"<kspace_encoding_step_{step}><minimum>0</minimum><maximum>0</maximum><center>0</center>"
        f"</kspace_encoding_step_{step}>"
        for step in (1, 2)
    )
    limits = f"<encodingLimits>{steps}</encodingLimits>"

    def enlarge(document: str) -> str:
        sizes = "<x>512</x><y>512</y><z>512</z>"
        for name in ("matrixSize", "fieldOfView_mm"):
            document = re.sub(
                rf"<{name}>.*?</{name}>", f"<{name}>{sizes}</{name}>", document, flags=re.DOTALL
            )
        return re.sub(r"<encodingLimits>.*</encodingLimits>", limits, document, flags=re.DOTALL)

    _edit_document(path, enlarge)


def write_image_of_far_more_pixels(path: Path) -> None:
    simulate_acquisition(path, n_coils=2, matrix_size=32)

    def enlarge(document: str) -> str:
        before, recon = document.split("<reconSpace>")
        return before + "<reconSpace>" + re.sub(r"<([xy])>32</\1>", r"<\1>8192</\1>", recon)

    _edit_document(path, enlarge)


def _deflate_zeros(n_bytes: int) -> bytes:
    """Return a zlib stream (RFC 1950) of zeros: one deflated block, again and again."""
    block_bytes = 2**24
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(block_bytes)) + deflate.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    end = rest.compress(bytes(n_bytes % block_bytes)) + rest.flush()
    checksum = 1
    for start in range(0, n_bytes, block_bytes):
        checksum = zlib.adler32(bytes(min(block_bytes, n_bytes - start)), checksum)
    return b"\x78\xda" + block * (n_bytes // block_bytes) + end + struct.pack(">I", checksum)


BOMBS: dict[str, Callable[[Path], object]] = {
    name.removeprefix("write_"): write
    for name, write in list(globals().items())
    if name.startswith("write_")
}
