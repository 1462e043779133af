"""Simulated measurements for the tests of the reconstruction, and ways to spoil them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import ismrmrd
import numpy as np
import pytest
from ismrmrd import hdf5, xsd

from local.phantom import simulate_acquisition
from scanhub_dag.disk import find_room
from scanhub_reconstruction import raw_data
from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.scratch import Scratch
from tests.unit.dags.open_runs import serve_s3

Acquire = Callable[..., Path]
EditHeader = Callable[[Path, Callable[[Any], None]], None]
EditAcquisitions = Callable[[Path, Callable[[Any], Any]], None]


@pytest.fixture(autouse=True)
def read_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare most tests the start of the reader's process, which has tests of its own."""

    def read(path: Path, *, is_acceleration_taken: bool = False) -> RawData:
        with tempfile.TemporaryFile() as file:
            scratch = Scratch(file.fileno(), find_room(path.parent))
            return read_ismrmrd(path, scratch, is_acceleration_taken=is_acceleration_taken)

    monkeypatch.setattr(raw_data, "read_ismrmrd_apart", read)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a client of the S3 that the kit uses, with an empty data lake."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "sample")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sample")
    with serve_s3() as client:
        yield client


@pytest.fixture
def acquire(tmp_path: Path) -> Acquire:
    """Write a small measurement of the phantom; arguments as for simulate_acquisition."""

    def write(**arguments: Any) -> Path:
        path = tmp_path / "raw.h5"
        defaults: dict[str, Any] = {"matrix_size": 32, "n_coils": 2}
        simulate_acquisition(path, **{**defaults, **arguments})
        return path

    return write


@pytest.fixture
def edit_header() -> EditHeader:
    def edit(path: Path, change: Callable[[Any], None]) -> None:
        with ismrmrd.Dataset(str(path), mode="r+") as dataset:
            header = xsd.CreateFromDocument(dataset.read_xml_header())
            change(header)
            dataset.write_xml_header(xsd.ToXML(header).encode("ascii"))

    return edit


@pytest.fixture
def edit_acquisitions() -> EditAcquisitions:
    def edit(path: Path, change: Callable[[Any], Any]) -> None:
        with h5py.File(path, "r+") as file:
            records = np.array(file["dataset/data"][:], dtype=hdf5.acquisition_dtype)
            del file["dataset/data"]
            file["dataset"].create_dataset(
                "data", data=change(records), dtype=hdf5.acquisition_dtype, maxshape=(None,)
            )

    return edit
