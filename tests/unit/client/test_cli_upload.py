"""What somebody sees who uploads a file, and what is left for the next time."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from scanhub_workflow import Clock, Retry
from scanhub_workflow.cli.upload import WAIT_S
from tests.fakes.command_line import CommandLine
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer, refuse

URL = "https://api.test/api"
ENVIRON = {"SCANHUB_WORKFLOW_URL": URL, "SCANHUB_WORKFLOW_TOKEN": "a-token"}


@pytest.fixture
def command_line(server: FakeUploadServer, tmp_path: Path) -> CommandLine:
    api = httpx.MockTransport(server.answer_api)
    s3 = httpx.MockTransport(server.answer_s3)
    return CommandLine(tmp_path / "home", api, s3, ENVIRON)


def fail_part(number: int, error: BaseException) -> Callable[[int, int], httpx.Response | None]:
    def fault(part_number: int, n_puts: int) -> httpx.Response | None:
        if part_number == number:
            raise error
        return None

    return fault


def list_kept(command_line: CommandLine) -> list[Path]:
    return [path for path in command_line.folder.rglob("*") if path.is_file()]


def test_upload_says_which_run_it_starts(command_line: CommandLine, file: Path) -> None:
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "Its run: scanhub-workflow run run-1"
    assert list_kept(command_line) == []


def test_pipe_is_told_tenths(command_line: CommandLine, file: Path) -> None:
    ended = command_line.run("upload", str(file), "--dag", "fft")
    told = [line for line in ended.out.splitlines() if line.startswith("upload ")]
    assert told[-1] == "upload 100 %"
    assert told == sorted(set(told), key=told.index)
    assert "\x1b" not in ended.out


def test_interrupted_upload_says_how_to_go_on_and_does(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    # Given an upload that is interrupted at its last part
    server.put_fault = fail_part(10, KeyboardInterrupt())
    broken = command_line.run("upload", str(file), "--dag", "fft")
    assert broken.code == 130
    assert f"--resume {UPLOAD_ID}" in broken.err.replace("\n", " ")
    assert "the same command goes on" in broken.err.replace("\n", " ")
    # What is kept for that names no file
    [kept] = list_kept(command_line)
    assert file.name not in str(kept) + kept.read_text()
    assert kept.parent.stat().st_mode & 0o077 == 0
    # When the same command is run again, then only what is missing is sent
    arrived = set(server.parts)
    server.puts.clear()
    server.put_fault = lambda part_number, n_puts: None
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert ended.code == 0, ended.err
    assert f"Going on with upload {UPLOAD_ID}" in ended.err
    assert set(server.puts) == set(range(1, 11)) - arrived
    assert server.whole == file.read_bytes()
    assert list_kept(command_line) == []


def test_upload_is_resumed_from_another_machine(
    command_line: CommandLine, server: FakeUploadServer, file: Path, tmp_path: Path
) -> None:
    server.put_fault = fail_part(10, KeyboardInterrupt())
    command_line.run("upload", str(file), "--dag", "fft")
    server.put_fault = lambda part_number, n_puts: None
    elsewhere = CommandLine(tmp_path / "elsewhere", command_line.api, command_line.s3, ENVIRON)
    ended = elsewhere.run("upload", str(file), "--resume", UPLOAD_ID)
    assert (ended.code, server.whole) == (0, file.read_bytes())


@pytest.mark.parametrize("change", ["fresh", "aborted", "changed"])
def test_upload_begins_anew_where_nothing_can_be_gone_on_with(
    command_line: CommandLine, server: FakeUploadServer, file: Path, change: str
) -> None:
    # Given a broken upload, and then
    server.put_fault = fail_part(10, KeyboardInterrupt())
    command_line.run("upload", str(file), "--dag", "fft")
    server.put_fault = lambda part_number, n_puts: None
    options = []
    if change == "fresh":
        options = ["--fresh"]
    elif change == "changed":
        os.utime(file, ns=(1, 1))
    else:
        server.state = "ABORTED"
        create = server.answer_api

        def reopen(request: httpx.Request) -> httpx.Response:
            if request.method == "POST" and request.url.path.endswith("/uploads/"):
                server.state = "CREATED"
            return create(request)

        api = httpx.MockTransport(reopen)
        command_line = CommandLine(command_line.folder, api, command_line.s3, ENVIRON)
    # When it is run again, then a new upload is planned
    server.requests.clear()
    ended = command_line.run("upload", str(file), "--dag", "fft", *options)
    assert ended.code == 0, ended.err
    planned = [r for r in server.requests if r.url.path.endswith("/uploads/")]
    assert len(planned) == 1


def test_login_that_expires_on_the_way_is_gone_on_with_after_a_new_one(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    # Given a login that ends between plan and completion
    server.api_fault = lambda n: refuse(401, "Invalid token.") if n > 1 else None
    broken = command_line.run("upload", str(file), "--dag", "fft")
    assert broken.code == 3
    assert "log in again" in broken.err
    # When the user has logged in again: no part is sent twice
    server.api_fault = lambda n: None
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert ended.code == 0, ended.err
    assert set(server.puts.values()) == {1}


def test_storage_that_is_gone_is_told_and_gone_on_with_when_it_is_back(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    server.put_fault = fail_part(10, httpx.ConnectError("no route"))
    broken = command_line.run("upload", str(file), "--dag", "fft", "--json")
    assert (broken.code, broken.out) == (7, "")
    assert "UploadInterruptedError" in broken.err
    server.put_fault = lambda part_number, n_puts: None
    assert command_line.run("upload", str(file), "--dag", "fft").code == 0
    assert server.whole == file.read_bytes()


def test_upload_goes_on_by_itself_when_storage_is_back(
    server: FakeUploadServer, file: Path, tmp_path: Path
) -> None:
    # Given S3, which is gone until the command line has waited twice
    server.put_fault = fail_part(10, httpx.ConnectError("no route"))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if waits.count(WAIT_S) == 2:
            server.put_fault = lambda part_number, n_puts: None

    api, s3 = httpx.MockTransport(server.answer_api), httpx.MockTransport(server.answer_s3)
    retry = Retry(n_attempts=2, clock=Clock(sleep=sleep))
    command_line = CommandLine(tmp_path / "home", api, s3, ENVIRON, retry=retry)
    # When a file is uploaded, then it arrives, and nothing that has arrived is sent again
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert (ended.code, server.whole) == (0, file.read_bytes())
    assert f"trying again in {WAIT_S} s" in ended.err
    assert {server.puts[number] for number in range(1, 10)} == {1}


def test_wait_for_storage_is_interrupted_with_the_way_to_go_on(
    server: FakeUploadServer, file: Path, tmp_path: Path
) -> None:
    def sleep(seconds: float) -> None:
        if seconds == WAIT_S:
            raise KeyboardInterrupt

    server.put_fault = fail_part(10, httpx.ConnectError("no route"))
    api, s3 = httpx.MockTransport(server.answer_api), httpx.MockTransport(server.answer_s3)
    retry = Retry(n_attempts=2, clock=Clock(sleep=sleep))
    command_line = CommandLine(tmp_path / "home", api, s3, ENVIRON, retry=retry)
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert ended.code == 130
    assert f"--resume {UPLOAD_ID}" in ended.err


def test_file_that_changes_on_the_way_stays_resumable(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    def touch(part_number: int, n_puts: int) -> None:
        os.utime(file, ns=(1, 1))

    server.put_fault = touch
    ended = command_line.run("upload", str(file), "--dag", "fft")
    assert (ended.code, server.state) == (9, "CREATED")
    assert "changed" in ended.err


def make_directory(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_empty(path: Path) -> None:
    path.touch()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "There is no file at this path."),
        (make_directory, "leads to a directory"),
        (make_pipe, "leads to a pipe"),
        (make_empty, "The file is empty"),
    ],
)
def test_what_cannot_be_sent_is_told_before_anything_is_planned(
    command_line: CommandLine,
    server: FakeUploadServer,
    tmp_path: Path,
    make: Callable[[Path], None],
    sentence: str,
) -> None:
    make(tmp_path / "scan.h5")
    ended = command_line.run("upload", str(tmp_path / "scan.h5"), "--dag", "fft")
    assert (ended.code, sentence in ended.err) == (9, True)
    assert server.requests == []


@pytest.mark.parametrize(
    "options",
    [[], ["--dag", "fft", "--task", "t"], ["--resume", "u", "--dag", "fft"], ["--dog", "fft"]],
)
def test_upload_wants_to_know_what_the_file_is_for(
    command_line: CommandLine, file: Path, options: list[str]
) -> None:
    assert command_line.run("upload", str(file), *options).code == 2


@pytest.mark.parametrize("width", [40, 120])
def test_no_line_is_wider_than_the_terminal(
    command_line: CommandLine, server: FakeUploadServer, file: Path, width: int
) -> None:
    there = CommandLine(command_line.folder, command_line.api, command_line.s3, ENVIRON, width)
    server.put_fault = fail_part(10, KeyboardInterrupt())
    broken = there.run("upload", str(file), "--dag", "fft")
    server.put_fault = lambda part_number, n_puts: None
    ended = there.run("upload", str(file), "--dag", "fft")
    assert (broken.code, ended.code) == (130, 0)
    for line in (broken.err + ended.err + broken.out + ended.out).splitlines():
        assert len(strip_escapes(line)) <= width


def strip_escapes(line: str) -> str:

    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)


def test_path_that_is_no_text_is_sent_and_gone_on_with(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    odd = os.fsdecode(os.fsencode(file.parent) + b"/scan\xff.h5")
    file.rename(odd)
    server.put_fault = fail_part(10, KeyboardInterrupt())
    assert command_line.run("upload", odd, "--dag", "fft").code == 130
    server.put_fault = lambda part_number, n_puts: None
    ended = command_line.run("upload", odd, "--dag", "fft")
    assert (ended.code, server.whole) == (0, Path(odd).read_bytes())
    assert server.body["file_name"] == "scan\ufffd.h5"


@pytest.mark.parametrize("arguments", [["run", "\udcff"], ["runs", "--dag", "\udcff"]])
def test_argument_that_is_no_text_is_told(command_line: CommandLine, arguments: list[str]) -> None:
    shown = command_line.run(*arguments)
    told = command_line.run(*arguments, "--json")
    assert (shown.code, told.code) == (2, 2)
    assert "holds bytes that are no text" in shown.err
    assert json.loads(told.err)["exit_code"] == 2


def test_damaged_memory_of_an_upload_is_no_obstacle(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    server.put_fault = fail_part(10, KeyboardInterrupt())
    command_line.run("upload", str(file), "--dag", "fft")
    [kept] = list_kept(command_line)
    kept.write_bytes(b"\xff\xfe")
    server.put_fault = lambda part_number, n_puts: None
    assert command_line.run("upload", str(file), "--dag", "fft").code == 0
    assert server.whole == file.read_bytes()


def test_error_of_an_upload_says_what_to_type(
    command_line: CommandLine, server: FakeUploadServer, file: Path
) -> None:
    server.api_fault = lambda n: refuse(401, "Invalid token.") if n > 1 else None
    broken = command_line.run("upload", str(file), "--dag", "fft")
    assert "scanhub-workflow login. The same command goes on with it." in broken.err
    told = command_line.run("upload", str(file), "--dag", "fft", "--json")
    assert json.loads(told.err.splitlines()[-1])["upload_id"] == UPLOAD_ID
    server.api_fault = lambda n: None
    server.put_fault = lambda part_number, n_puts: os.utime(file, ns=(1, 1))
    server.parts.clear()
    changed = command_line.run("upload", str(file), "--dag", "fft")
    assert f"--resume {UPLOAD_ID}" in changed.err
    assert f"scanhub-workflow cancel --upload {UPLOAD_ID}" in changed.err
