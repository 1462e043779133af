"""Engines in other languages, and each way in which one can fail."""

from __future__ import annotations

import io
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local.config import ROOT
from scanhub_pipe import group
from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.reconstruct import run_engine
from scanhub_reconstruction.model import RawData
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.reconstruction import reconstruct_volume
from tests.unit.dags.conftest import Acquire
from tests.unit.dags.engines import (
    NAME,
    TAKE_ALL,
    answer_with,
    build_answer,
    compile_engine,
    shell,
)

SLOW, MEMORY_BYTES = 30.0, 512 * 2**20
# Three megabytes.
WORDS = "yes $(printf %0400d 7) | head -c 3000000"


@pytest.fixture
def raw(acquire: Acquire) -> RawData:
    return read_raw_data(acquire())


@pytest.fixture
def answer(raw: RawData, tmp_path: Path) -> Path:
    path = tmp_path / "answer"
    path.write_bytes(build_answer(raw))
    return path


@pytest.fixture(autouse=True)
def wait_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "_TERMINATE_S", 0.2)


def run(raw: RawData, command: Command) -> str:
    with io.BytesIO() as file:
        return run_engine(raw, command, file)


@dataclass(frozen=True)
class Failure:
    """What is wrong, as docs/engines.md has it; the engine; what the operator reads."""

    what: str
    sentence: str
    build: Callable[[Path], Command]


def script(text: str, **limits: Any) -> Callable[[Path], Command]:
    return lambda answer: shell(text.replace("ANSWER", str(answer)), **limits)


def program(*arguments: str) -> Callable[[Path], Command]:
    return lambda answer: Command(tuple(word.replace("ANSWER", str(answer)) for word in arguments))


FAILURES = [
    Failure(
        "The program is not there",
        "The reconstruction engine is not there: no-such-engine.",
        program("no-such-engine"),
    ),
    Failure(
        "The file is no program, or may not be executed",
        "The reconstruction engine may not be executed: ANSWER.",
        program("ANSWER"),
    ),
    Failure(
        "It fails, whatever it has sent",
        "The reconstruction engine failed with exit code 7.",
        script(f"{TAKE_ALL}; echo Traceback; exit 7"),
    ),
    Failure(
        "It crashes, or somebody ends it",
        "The reconstruction engine was ended by signal 11.",
        script("kill -SEGV $$"),
    ),
    Failure(
        "The kernel ends it, as when memory runs out",
        "The reconstruction engine was ended by signal 9, as when memory runs out.",
        script("sh -c 'kill -KILL $$'; exit $?"),
    ),
    Failure(
        "It needs more memory than it may take",
        "The reconstruction engine needs more memory than the 512 MiB that it may take.",
        lambda answer: Command(
            (sys.executable, "-S", "-c", "bytearray(2**30)"), memory_bytes=MEMORY_BYTES
        ),
    ),
    Failure(
        "It takes too long",
        "The reconstruction engine took longer than 0.5 s.",
        script("exec sleep 60", timeout_s=0.5),
    ),
    Failure(
        "It ends without sending anything",
        "The reconstruction engine ended without sending anything.",
        script(TAKE_ALL),
    ),
    Failure(
        "It does not read all of the measurement",
        "The reconstruction engine stopped reading before the end of the measurement.",
        script(answer_with(Path("ANSWER"), before="head -c 100 >/dev/null").replace("'", "")),
    ),
    Failure(
        "It writes without end",
        "The reconstruction engine wrote more than 17.0 MiB, which its images cannot have.",
        script("printf '\\005\\000\\377\\377\\077\\000'; exec cat /dev/zero"),
    ),
    Failure(
        "What it writes is no ISMRMRD stream",
        "The reconstruction engine's output is no ISMRMRD stream of images.",
        script(f"{TAKE_ALL}; echo Hello"),
    ),
    Failure(
        "It goes on behind the closing message",
        "The reconstruction engine's output is no ISMRMRD stream of images.",
        script(f"{TAKE_ALL}; cat ANSWER; echo Hello"),
    ),
    Failure(
        "The stream breaks off",
        "The reconstruction engine's output broke off in the middle of a message.",
        script(f"{TAKE_ALL}; head -c 1000 ANSWER"),
    ),
    Failure(
        "It sends back what it got",
        "The reconstruction engine sent raw data instead of images.",
        script("cat"),
    ),
    Failure(
        "Images are missing",
        "The reconstruction engine sent 0 of 1 images.",
        script(f"{TAKE_ALL}; printf '\\004\\000'"),
    ),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.what)
def test_engine_that_fails_ends_with_a_sentence(
    raw: RawData, answer: Path, failure: Failure
) -> None:
    with pytest.raises(EngineError) as refusal:
        run(raw, failure.build(answer))
    assert str(refusal.value) == failure.sentence.replace("ANSWER", str(answer))


def test_sentences_are_those_of_the_documentation() -> None:
    text = (ROOT / "docs" / "engines.md").read_text()
    for failure in FAILURES:
        assert f"| {failure.what} | {failure.sentence} |".replace("ANSWER", "PROGRAM") in text


def test_engine_in_c_makes_the_image_of_the_built_in_reconstruction(
    raw: RawData, tmp_path: Path
) -> None:
    # Given a program that knows nothing of Python
    command = compile_engine(tmp_path)
    if command is None:
        pytest.skip("There is no C compiler (cc), so no engine in C.")
    # When it reconstructs
    file = io.BytesIO()
    name = run_engine(raw, command, file)
    # Then
    image = np.frombuffer(file.getvalue(), np.float32).reshape(raw.image_shape)
    np.testing.assert_allclose(image, reconstruct_volume(raw, 0), rtol=1e-4, atol=1e-5)
    assert name == "engine"


def test_shortest_engine_of_the_documentation_is_understood(raw: RawData, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "engines.md").read_text()
    program = tmp_path / "shortest.py"
    program.write_text(text.partition("```python\n")[2].partition("```")[0])
    assert run(raw, Command((sys.executable, str(program)))) == "shortest.py"


def test_engine_that_tells_its_name_is_called_by_it(raw: RawData, answer: Path) -> None:
    assert f"Engine: {run(raw, shell(answer_with(answer)))}" == NAME


def test_engine_may_answer_before_it_has_read_all(raw: RawData, answer: Path) -> None:
    run(raw, shell(f"cat {answer}; {TAKE_ALL}"))


def test_engine_that_says_much_goes_on_and_its_log_ends(
    raw: RawData, answer: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given an engine with megabytes of messages, and one long line
    said = f"{{ {WORDS}; head -c 100000 /dev/zero; }} >&2"
    # When
    with caplog.at_level(logging.INFO):
        run(raw, shell(answer_with(answer, before=f"{said}; {TAKE_ALL}")))
    # Then
    logged = [record.getMessage() for record in caplog.records]
    assert sum(map(len, logged)) < 2_000_000 and max(map(len, logged)) < 600
    assert f"Engine: {7:0400d}" in logged
    assert "The engine says more than is logged." in logged


def test_control_characters_of_an_engine_do_not_reach_the_log(
    raw: RawData, answer: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        said = "printf 'a\\033[2Jb\\rc\\377\\n' >&2"
        run(raw, shell(answer_with(answer, before=f"{said}; {TAKE_ALL}")))
    assert "Engine: a [2Jb c�" in caplog.text


def test_engine_sees_no_secret_of_the_worker(
    raw: RawData, answer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a worker with keys
    for name in ("AWS_SECRET_ACCESS_KEY", "AIRFLOW__CORE__FERNET_KEY", "SCANHUB_PIPE_COMMAND"):
        monkeypatch.setenv(name, "secret")
    # When
    seen = tmp_path / "seen"
    run(raw, shell(answer_with(answer, before=f"env > {seen}; pwd >> {seen}; {TAKE_ALL}")))
    # Then it has what it needs, in a folder that is deleted
    names = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert {"PATH", "HOME", "TMPDIR"} <= names
    assert "secret" not in seen.read_text() and not any("AWS" in name for name in names)
    assert not Path(seen.read_text().splitlines()[-1]).exists()


@pytest.mark.parametrize("ends", ["hangs", "succeeds"])
def test_nobody_of_the_group_is_left_not_even_who_ignores_sigterm(
    raw: RawData, answer: Path, tmp_path: Path, ends: str
) -> None:
    # Given a grandchild that ignores SIGTERM and holds the pipes, of a parent that does too
    pid_file = tmp_path / "pid"
    stubborn = f"trap '' TERM; (trap '' TERM; exec sleep 60) & echo $! > {pid_file}"
    if ends == "hangs":
        with pytest.raises(EngineError, match="took longer"):
            run(raw, shell(f"{stubborn}; while :; do sleep 1; done", timeout_s=0.5))
    else:
        run(raw, shell(answer_with(answer, before=f"{stubborn}; {TAKE_ALL}")))
    # Then
    assert not is_alive(int(pid_file.read_text()))


def test_worker_that_is_told_to_end_takes_the_engine_along(
    raw: RawData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given Airflow's way to end a task: an exception out of a signal's handler
    class TaskEndedError(Exception):
        pass

    def end_task(*_: object) -> None:
        raise TaskEndedError

    before = signal.signal(signal.SIGUSR1, end_task)
    pid_file = tmp_path / "pid"
    try:
        # When it comes in the middle
        with pytest.raises(TaskEndedError):
            begun = f"head -c 9 >{pid_file}; echo $$ >{pid_file}"
            run(raw, shell(f"{begun}; kill -USR1 {os.getpid()}; exec sleep 9"))
    finally:
        signal.signal(signal.SIGUSR1, before)
    # Then
    assert not is_alive(int(pid_file.read_text()))


def test_engine_cannot_write_more_than_its_images_have_in_one_message(
    raw: RawData, tmp_path: Path
) -> None:
    # Given attributes of an image that claim four exabytes
    stream = bytearray(build_answer(raw, text=None))
    stream[2 + 198 : 2 + 198 + 8] = struct.pack("<Q", 2**62)
    path = tmp_path / "long"
    path.write_bytes(stream)
    # Then nothing of it is read
    with pytest.raises(EngineError, match="no ISMRMRD stream"):
        run(raw, shell(answer_with(path)))


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
