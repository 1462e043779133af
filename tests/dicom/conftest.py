"""The series of the corpus as files, for programs that others wrote."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scanhub_dag.disk import find_room
from scanhub_reconstruction import raw_data
from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.scratch import Scratch
from tests.unit.dags.corpus import Case, write_case
from tests.unit.dags.dicom_series import write_series

StoreSeries = Callable[..., Path]


@pytest.fixture
def store_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreSeries:
    """Return the folder with a case's series."""

    def read(path: Path) -> RawData:
        with tempfile.TemporaryFile() as scratch:
            return read_ismrmrd(path, Scratch(scratch.fileno(), find_room(path.parent)))

    # A process of its own has its own tests.
    monkeypatch.setattr(raw_data, "read_ismrmrd_apart", read)

    def store(case: Case, run: RunConf | None = None) -> Path:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        write_case(tmp_path / "raw.h5", case)
        for number, body in enumerate(write_series(tmp_path / "raw.h5", run)):
            (folder / f"{number:04d}.dcm").write_bytes(body)
        return folder

    return store
