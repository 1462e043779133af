from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from scanhub_reconstruction import ismrmrd_process
from scanhub_reconstruction.ismrmrd_file import read_ismrmrd
from scanhub_reconstruction.ismrmrd_process import ReaderError, read_ismrmrd_apart
from scanhub_reconstruction.limits import limit_memory
from scanhub_reconstruction.model import RawData, RawDataError
from scanhub_reconstruction.scratch import Scratch
from tests.unit.dags.conftest import Acquire
from tests.unit.dags.measurement import draw_truth, write_measurement

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Replace the reader by one that does what this file says."""
    monkeypatch.setattr(ismrmrd_process, "_READER", "tests.unit.dags.odd_reader")
    monkeypatch.syspath_prepend(str(ROOT))
    return tmp_path / "order"


def test_read_ismrmrd_apart_gives_what_the_reader_reads(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    truth = draw_truth((2, 16, 18), n_repetitions=2, n_contrasts=2)
    write_measurement(path, truth, is_3d=False, echo_times_ms=(15.0, 0.1 + 0.2))
    with tempfile.TemporaryFile() as scratch:
        here = read_ismrmrd(path, Scratch(scratch.fileno(), room_bytes=2**24))

    apart = read_ismrmrd_apart(path)

    np.testing.assert_array_equal(apart.kspace, here.kspace)
    for name in {field.name for field in dataclasses.fields(RawData)} - {"kspace", "mapping"}:
        assert getattr(apart, name) == getattr(here, name)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (signal.SIGSEGV, "damaged or truncated"),
        (signal.SIGABRT, "damaged or truncated"),
        (signal.SIGXCPU, "takes too long to read"),
    ],
)
def test_read_ismrmrd_apart_blames_the_file_for_what_ends_the_reader(
    give: Path, number: int, sentence: str
) -> None:
    give.write_text(str(int(number)))

    with pytest.raises(RawDataError, match=sentence):
        read_ismrmrd_apart(give)


@pytest.mark.parametrize("order", ["9", "15", "a module is missing"])
def test_read_ismrmrd_apart_does_not_blame_the_file_for_the_rest(give: Path, order: str) -> None:
    give.write_text(order)

    with pytest.raises(ReaderError):
        read_ismrmrd_apart(give)


def test_read_ismrmrd_apart_gives_the_reader_no_secrets(
    give: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sample")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", "/plugins")
    give.write_text("environment")

    with pytest.raises(RawDataError) as caught:
        read_ismrmrd_apart(give)

    names = str(caught.value).split()
    assert not [name for name in names if name.startswith(("AWS", "HDF5"))]
    assert {"PYTHONPATH", "OPENBLAS_NUM_THREADS"} <= set(names)


def test_read_ismrmrd_apart_says_that_the_disk_is_too_small(
    acquire: Acquire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ismrmrd_process, "find_room", lambda _: 1000)

    with pytest.raises(RawDataError, match="too large for the disk"):
        read_ismrmrd_apart(acquire())


def test_close_off_leaves_one_more_file_and_no_socket() -> None:
    program = """
import errno, os, socket, resource
from scanhub_reconstruction.limits import close_off
close_off(n_files=1, cpu_s=5)
os.open("/dev/null", os.O_RDONLY)
for attempt in (lambda: os.open("/dev/null", os.O_RDONLY), socket.socket, lambda: os.dup(0)):
    try:
        attempt()
    except OSError as error:
        assert error.errno == errno.EMFILE
    else:
        raise AssertionError
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
assert soft == hard
"""
    subprocess.run(  # noqa: S603 - our own words, no shell
        [sys.executable, "-c", program], env={"PYTHONPATH": "dags"}, cwd=ROOT, check=True
    )


def test_limit_memory_ends_with_a_sentence_and_holds_no_longer_than_its_context() -> None:
    with pytest.raises(RawDataError, match="more memory"), limit_memory(2**24):
        bytearray(2**30)

    assert len(bytearray(2**30)) == 2**30
