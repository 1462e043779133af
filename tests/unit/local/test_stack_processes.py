"""Processes of the laptop stack: identity, start, stop."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.config import StackError
from local.identity import ProcessRecord, find_marked
from local.processes import Processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
ORDERLY = [
    sys.executable,
    "-c",
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit('orderly'));"
    "print('ready', flush=True); time.sleep(60)",
]
# Its child leaves the process group, and it ignores the polite signal.
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN);"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
    " start_new_session=True); print('ready', flush=True); time.sleep(60)",
]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    for name in ("run", "log"):
        (tmp_path / name).mkdir()
    processes = Processes(tmp_path)
    yield processes
    processes.stop()


def test_record_is_running_for_this_process_only() -> None:
    own = ProcessRecord.of(os.getpid())
    assert own is not None

    assert own.is_running()
    # A process that got the number later, and one of before the machine was started again
    assert not replace(own, start_ticks=own.start_ticks + 1).is_running()
    assert not replace(own, boot_id="another").is_running()


def test_record_of_an_ended_process_is_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(10)

    assert ProcessRecord.of(process.pid) is None


@pytest.mark.parametrize("text", ["", "{", '{"pid": 1}', "[]"])
def test_record_read_takes_a_damaged_file_for_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "aws.json"
    file.write_text(text)

    assert ProcessRecord.read(file) is None
    assert ProcessRecord.read(tmp_path / "absent.json") is None


def test_start_notes_the_process_and_stop_ends_it(processes: Processes) -> None:
    child = processes.start("aws", SLEEP, {})
    assert processes.pid_of("aws") == child.pid

    assert processes.stop("aws") == 1
    assert not processes.is_running("aws")
    assert processes.stop("aws") == 0


def test_stop_ends_one_service_only(processes: Processes) -> None:
    processes.start("aws", SLEEP, {})
    processes.start("scanhub", SLEEP, {})

    processes.stop("scanhub")

    assert processes.is_running("aws")
    assert not processes.is_running("scanhub")


def test_stop_leaves_a_stranger_with_a_noted_number_alone(processes: Processes) -> None:
    with subprocess.Popen(SLEEP) as stranger:  # noqa: S603 - this interpreter
        record = ProcessRecord.of(stranger.pid)
        assert record is not None
        replace(record, start_ticks=1).write(processes.folder / "run" / "aws.json")

        assert processes.stop() == 0

        assert stranger.poll() is None
        stranger.kill()


def test_stop_finds_a_process_without_record_by_its_mark(processes: Processes) -> None:
    processes.start("aws", SLEEP, {})
    (processes.folder / "run" / "aws.json").unlink()
    # A process that has only just become its program shows no variables for a moment.
    processes.wait_until("aws", lambda: bool(find_marked(processes.folder)), "its mark", 20)

    assert processes.stop() == 1
    assert not find_marked(processes.folder)


def test_stop_kills_the_stubborn_and_its_runaway_child(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.processes.TERM_WAIT_S", 0.3)
    processes.start("aws", STUBBORN, {})
    log = processes.folder / "log" / "aws.log"
    processes.wait_until("aws", lambda: "ready" in log.read_text(), "its word", timeout_s=20)

    assert processes.stop() == 2


@pytest.mark.parametrize("is_asked", [True, False])
def test_stop_gives_time_for_an_orderly_end_where_it_is_worth_it(
    processes: Processes, is_asked: bool
) -> None:
    processes.start("aws", ORDERLY, {})
    log = processes.folder / "log" / "aws.log"
    processes.wait_until("aws", lambda: "ready" in log.read_text(), "its word", timeout_s=20)

    assert processes.stop(is_asked=is_asked) == 1

    assert ("orderly" in log.read_text()) is is_asked


def test_cancel_prevents_further_starts(processes: Processes) -> None:
    processes.cancel()

    with pytest.raises(StackError, match="Interrupted"):
        processes.start("aws", SLEEP, {})
    assert not find_marked(processes.folder)


def test_run_shows_the_end_of_the_log_when_the_command_fails(processes: Processes) -> None:
    command = [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"]

    with pytest.raises(StackError, match=r"status 3[\s\S]*no such thing"):
        processes.run("sam-build", command, {}, timeout_s=20)


def test_run_ends_a_command_that_takes_too_long(processes: Processes) -> None:
    with pytest.raises(StackError, match=r"no end after"):
        processes.run("sam-build", SLEEP, {}, timeout_s=0.2)
    assert not processes.is_running("sam-build")


def test_wait_until_does_not_outlive_the_process(processes: Processes) -> None:
    processes.start("aws", [sys.executable, "-c", "print('port taken')"], {})

    with pytest.raises(StackError, match=r"ended before its answer[\s\S]*port taken"):
        processes.wait_until("aws", lambda: False, "its answer", timeout_s=20)
