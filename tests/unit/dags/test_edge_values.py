"""Numbers and texts at the edge of what a computer can hold end in a sentence, or in images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from ismrmrd import hdf5

from local.phantom import simulate_acquisition
from scanhub_reconstruction.model import RawDataError
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.xml_header import parse_header
from tests.unit.dags.dicom_series import read_series

NUMBERS = (
    *("0", "-0", "-1", "1", "65535", "65536", str(2**31), str(2**32), str(2**63), str(2**64)),
    *("9" * 400, "9" * 5000, "inf", "-inf", "nan", "1e400", "1e308", "1e-308", "5e-324", "1e-400"),
    *("", " ", "0x10", "1_0", "\u0661", "true", "1,5", "+1"),
)
HEADER = b"""<?xml version="1.0" encoding="%s"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>"""


def reconstruct(path: Path) -> None:
    """Make images and read each as a stranger would, or refuse with a sentence."""
    try:
        for dataset in read_series(path):
            for element in dataset.iterall():
                _ = element.value
    except RawDataError as error:
        assert re.fullmatch(r"The [^/]+\.", str(error))
        assert "not understood" not in str(error)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "raw"
    simulate_acquisition(path, n_coils=1, matrix_size=8)
    return path


def rewrite(path: Path, document: bytes | None, change: Callable[[Any], object]) -> None:
    with h5py.File(path) as file:
        before, records = file["dataset/xml"][0], file["dataset/data"][:]
    records = np.array(records, hdf5.acquisition_dtype)
    change(records)
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        group.create_dataset("xml", data=[document or before], dtype=h5py.string_dtype())
        group.create_dataset("data", data=records, dtype=hdf5.acquisition_dtype)


@pytest.mark.parametrize("number", NUMBERS)
def test_any_number_of_the_header_at_an_edge(path: Path, number: str) -> None:
    with h5py.File(path) as file:
        document = file["dataset/xml"][0].decode()
    places = list(re.finditer(r"(?<=>)[\d.]+(?=<)", document))
    assert len(places) > 20

    for place in places:
        changed = document[: place.start()] + number + document[place.end() :]
        rewrite(path, changed.encode("utf-8"), lambda _: None)
        reconstruct(path)


def list_heads(dtype: np.dtype[Any], *parents: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name in dtype.names or ():
        if dtype[name].names:
            yield from list_heads(dtype[name], *parents, name)
        else:
            yield (*parents, name), dtype[name].base


@pytest.mark.parametrize(
    ("names", "dtype"), list(list_heads(hdf5.acquisition_header_dtype)), ids=str
)
def test_any_number_of_the_acquisitions_at_an_edge(
    path: Path, names: tuple[str, ...], dtype: np.dtype[Any]
) -> None:
    if dtype.kind == "f":
        numbers = (np.inf, -np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).min, 1e-45, 0)
    else:
        numbers = (np.iinfo(dtype).min, np.iinfo(dtype).max, 0, 1)
    for number in numbers:
        for chosen in (slice(None), slice(1)):

            def change(records: Any, number: Any = number, chosen: slice = chosen) -> None:
                field = records["head"]
                for name in names:
                    field = field[name]
                field[chosen] = number

            rewrite(path, None, change)
            reconstruct(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "ascii"]
)
def test_parse_header_refuses_a_document_type_in_any_encoding(encoding: str) -> None:
    name = encoding.removesuffix("-sig").removesuffix("-le").removesuffix("-be").encode()
    document = (HEADER % name).decode().encode(encoding)
    marks = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}

    with pytest.raises(RawDataError, match="it has a document type"):
        parse_header(marks.get(encoding, b"") + document)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        *(("utf-7", "utf-7"), ("utf-32", "utf-32"), ("cp037", "cp037"), ("cp500", "cp500")),
        *(("utf-16", "utf-8"), ("utf-8", "utf-16"), ("", "utf-8"), ("base64", "utf-8")),
        *(("shift_jis", "shift_jis"), ("idna", "utf-8"), ("unicode_escape", "utf-8")),
    ],
)
def test_parse_header_refuses_odd_encodings(declared: str, encoding: str) -> None:
    document = (HEADER % declared.encode()).decode().encode(encoding)

    with pytest.raises(RawDataError, match="The ISMRMRD header is invalid"):
        parse_header(document)


@pytest.mark.parametrize(
    "description",
    [
        *("'descr': '<c8', 'shape': (-4, -4)", "'descr': '<c8', 'shape': (4, -4)"),
        *("'descr': '<c8', 'shape': (True, 16)", "'descr': '<c8', 'shape': (4.0, 4)"),
        *("'descr': '<c8', 'shape': (2**62, 2)", f"'descr': '<c8', 'shape': ({10**400}, 1)"),
        *(f"'descr': '<c8', 'shape': ({'1, ' * 3000})", f"'descr': '<c8', 'shape': {'-' * 9000}1"),
        *(
            f"'descr': '<c8', 'shape': {'(' * 5000}",
            f"'descr': {'[' * 150}{']' * 150}, 'shape': ()",
        ),
        *("'descr': ('<c8', (4,)), 'shape': (4,)", "'descr': ('<c8', (2147483647,)), 'shape': ()"),
        *("'descr': [('a', '<c8')], 'shape': (4, 4)", "'descr': '|O', 'shape': (4, 4)"),
        *("'descr': [('a', '|O', (9999,))], 'shape': (4, 4)", "'descr': '<c9', 'shape': (4, 4)"),
        *("'descr': 'V2147483648', 'shape': (4, 4)", "'descr': None, 'shape': None"),
        *("'descr': '<M8[as]', 'shape': (4, 4)", "'descr': 'U999999999', 'shape': (4, 4)"),
        *("'descr': {'names': 1}, 'shape': (4, 4)", "'descr': '<c8', 'shape': (4L, 4)"),
    ],
)
@pytest.mark.parametrize("order", ["False", "True", "0", "[]"])
def test_odd_headers_of_numpy_files_end_in_a_sentence_or_an_image(
    tmp_path: Path, description: str, order: str
) -> None:
    header = f"{{{description}, 'fortran_order': {order}}}\n".encode()
    path = tmp_path / "kspace.npy"
    path.write_bytes(
        b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header + b"\x01\x02\x03" * 64
    )

    reconstruct(path)


@pytest.mark.parametrize("version", [b"\x01\x00\xff\xff", b"\x02\x00\xff\xff\xff\xff"])
def test_long_header_of_a_numpy_file_is_refused(tmp_path: Path, version: bytes) -> None:
    path = tmp_path / "kspace.npy"
    path.write_bytes(b"\x93NUMPY" + version + b" " * 2**16)

    with pytest.raises(RawDataError, match="header of the NumPy file is damaged"):
        read_raw_data(path)


@pytest.mark.parametrize("dtype", ["<c8", ">c8", "<c16", ">c16", "clongdouble"])
@pytest.mark.parametrize("number", [1e-45, 3.4e38, 1e300, -1e308, 5e-324])
def test_any_sample_of_a_numpy_file_at_an_edge(tmp_path: Path, dtype: str, number: float) -> None:
    path = tmp_path / "kspace.npy"
    array = np.zeros((2, 4, 4), dtype)
    with np.errstate(over="ignore"):
        array[0, 1, 2] = number
    np.save(path, array)

    reconstruct(path)
