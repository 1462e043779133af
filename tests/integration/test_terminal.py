"""The command line as a process of its own, at a real terminal."""

import json
import re
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any

import httpx
import pytest

from tests.fakes.served import serve
from tests.fakes.terminal import Person
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer, refuse

# The child of the fork, which a test's server has threads beside, is another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")

PART_SIZE_BYTES = 65_536
N_PARTS = 20
N_FIRST = 4
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
COLOR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
AT = "2026-11-26T20:00:00Z"
WORKFLOW_ID = "4324e48f-72fd-4129-9aaf-4ff6746e397d"
TASK_ID = "5c1a7f5e-0f0f-4c61-8f25-5f3d0c9a8b7d"


class Gate:
    """S3 takes the first parts; the others wait until it is opened, or refuses them."""

    def __init__(self, s3: FakeUploadServer) -> None:
        self.s3 = s3
        self.has_first = threading.Event()
        self._is_open: Future[bool] = Future()

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/"):
            return self.s3.answer_api(request)
        if int(request.url.params["partNumber"]) > N_FIRST and not self._is_open.result():
            return refuse(503, "SlowDown")
        answer = self.s3.answer_s3(request)
        if len(self.s3.parts) >= N_FIRST:
            self.has_first.set()
        return answer

    def decide(self, is_open: bool) -> None:
        # Those that wait already keep to what was decided first.
        if self._is_open.done():
            self._is_open = Future()
        self._is_open.set_result(is_open)

    def open(self) -> None:
        self.decide(is_open=True)

    def refuse(self) -> None:
        self.decide(is_open=False)


@pytest.fixture
def s3() -> FakeUploadServer:
    return FakeUploadServer(PART_SIZE_BYTES)


@pytest.fixture
def gate(s3: FakeUploadServer) -> Iterator[Gate]:
    gate = Gate(s3)
    yield gate
    gate.refuse()


@pytest.fixture
def person(gate: Gate, tmp_path: Path) -> Iterator[Person]:
    with serve(gate.answer) as url:
        gate.s3.storage_url = url
        yield Person(tmp_path / "home", f"{url}/api")


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    path = tmp_path / "scan.h5"
    path.write_bytes(bytes(range(256)) * (N_PARTS * PART_SIZE_BYTES // 256))
    return ["upload", str(path), "--dag", "fft"]


def read_parts_sent(s3: FakeUploadServer, gate: Gate, run: Callable[[], None]) -> set[int]:
    """Refuse the parts that wait, and return those that a command then sends."""
    gate.refuse()
    assert set(s3.parts) == set(range(1, N_FIRST + 1))
    s3.puts.clear()
    gate.open()
    run()
    return set(s3.puts)


@contextmanager
def somebody(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[Person]:
    with serve(answer) as url:
        yield Person(tmp_path / "home", f"{url}/api")


def make_workflow(status: str, image: str, progress: int) -> dict[str, Any]:
    task = {"attempt": 1, "input_task_ids": [], "reason": None, "deadline": None, "updated_at": AT}
    scan = {"task_id": TASK_ID, "task_type": "DEVICE_TASK_SIMULATOR", "dag_run_id": None}
    reconstruction = {"task_id": "b", "task_type": "RECONSTRUCTION_TASK", "dag_run_id": "r" * 50}
    return {
        "workflow_id": WORKFLOW_ID,
        "exam_id": None,
        "status": status,
        "auto_advance": True,
        "created_at": AT,
        "updated_at": AT,
        "tasks": [
            {**task, **scan, "status": "COMPLETED", "progress": 100},
            {**task, **reconstruction, "status": image, "progress": progress},
        ],
        "events": [],
    }


def answer_running(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=make_workflow("running", "IN_PROGRESS", 40))


def answer_lists(request: httpx.Request) -> httpx.Response:
    n_items = int(request.url.params["limit"])
    if request.url.path.endswith("/workflows/"):
        fields = {"exam_id": None, "status": "running", "created_at": AT, "updated_at": AT}
        workflows = [{"workflow_id": WORKFLOW_ID, **fields}] * n_items
        return httpx.Response(200, json={"workflows": workflows, "next_cursor": None})
    run: dict[str, Any] = {
        "dag_id": "fft",
        "workflow_id": None,
        "task_id": None,
        "state": "RUNNING",
        "progress": 40,
        "attempt": 1,
        "reason": None,
        "results": [],
        "deadline": AT,
        "created_at": AT,
        "started_at": None,
        "finished_at": None,
    }
    runs = [{"dag_run_id": f"object_{n:043d}", **run} for n in range(n_items)]
    return httpx.Response(200, json={"dag_runs": runs, "next_cursor": "more"})


def measure_width(output: bytes) -> int:
    """Return the length of the longest line that was written [columns]."""
    return max(len(line) for line in re.split(r"[\r\n]+", ESCAPE.sub(b"", output).decode()))


def test_upload_shows_how_far_it_is_and_leaves_a_tidy_screen(
    person: Person, gate: Gate, command: list[str], s3: FakeUploadServer
) -> None:
    with person.at_terminal(*command) as terminal:
        # While it runs, there is a bar with amount, rate and time left
        terminal.wait_for("60 %")
        [line] = terminal.lines
        # How the bar ends depends on its width, and that on how many digits the rate has.
        assert re.fullmatch(r"upload ━+[╸╺]━+  60 % 0\.8/1\.3 MB [\d.]+ MB/s \d:\d\d:\d\d", line)
        assert b"\x1b[?25l" in terminal.output
        # In the end, the bar is full and stands there once
        gate.open()
        assert terminal.wait() == 0
        bar, *said = terminal.lines
        assert re.fullmatch(r"upload ━+ 100 % 1\.3/1\.3 MB [\d.]+ MB/s 0:00:00", bar)
        assert said == [f"Uploaded ({UPLOAD_ID}).", "Its run: scanhub-workflow run run-1"]
        assert terminal.is_cursor_visible
    assert s3.state == "COMPLETED"


@pytest.mark.parametrize("columns", [40, 80])
def test_interrupted_upload_ends_at_once_says_how_to_go_on_and_does(
    person: Person, gate: Gate, s3: FakeUploadServer, command: list[str], columns: int
) -> None:
    with person.at_terminal(*command, columns=columns) as terminal:
        terminal.wait_for("60 %")
        assert gate.has_first.wait(10)
        # When it is interrupted while S3 does not answer
        terminal.press("c-c")
        assert terminal.wait(timeout_s=5) == 130
        shown = " ".join(terminal.lines)
        assert "the same command goes on with it" in shown
        assert f"--resume {UPLOAD_ID}" in shown
        assert [line.startswith("upload") for line in terminal.lines].count(True) == 1
        assert terminal.is_cursor_visible
        assert terminal.output.count(b"\x1b[?25l") == terminal.output.count(b"\x1b[?25h") > 0
        assert b"Traceback" not in terminal.output

    def again() -> None:
        with person.at_terminal(*command, columns=columns) as terminal:
            assert terminal.wait() == 0
            assert f"Going on with upload {UPLOAD_ID}" in " ".join(terminal.lines)

    assert read_parts_sent(s3, gate, again) == set(range(N_FIRST + 1, N_PARTS + 1))
    assert s3.whole == Path(command[1]).read_bytes()


def test_killed_upload_is_gone_on_with_by_the_same_command(
    person: Person, gate: Gate, s3: FakeUploadServer, command: list[str]
) -> None:
    with person.at_terminal(*command) as terminal:
        assert gate.has_first.wait(10)
        terminal.kill()
        assert terminal.wait() == -9

    def again() -> None:
        assert person.without_terminal(*command).returncode == 0

    assert read_parts_sent(s3, gate, again) == set(range(N_FIRST + 1, N_PARTS + 1))
    assert s3.whole == Path(command[1]).read_bytes()


def test_terminated_upload_ends_as_an_interrupted_one(
    person: Person, gate: Gate, command: list[str]
) -> None:
    with person.at_terminal(*command) as terminal:
        terminal.wait_for("60 %")
        terminal.kill(SIGTERM)
        assert terminal.wait(timeout_s=5) == 130
        assert "the same command goes on with it" in " ".join(terminal.lines)
        assert terminal.is_cursor_visible


def test_upload_goes_on_where_nothing_can_be_kept(
    person: Person, gate: Gate, command: list[str]
) -> None:
    gate.open()
    ended = person.without_terminal(*command, XDG_CONFIG_HOME="/proc/none")
    assert ended.returncode == 0, ended.stderr
    assert f"--resume {UPLOAD_ID}".encode() in ended.stderr


def test_watch_is_interrupted_at_once(tmp_path: Path) -> None:
    with (
        somebody(tmp_path, answer_running) as person,
        person.at_terminal("workflow", WORKFLOW_ID, "--watch") as terminal,
    ):
        terminal.wait_for("40 % in progress")
        terminal.press("c-c")
        assert terminal.wait(timeout_s=2) == 130
        *bars, said = terminal.lines
        assert said == "You follow it no longer; it goes on."
        assert [bar[:16].rstrip() for bar in bars] == ["Scan 1", "Reconstruction 1"]
        assert terminal.is_cursor_visible


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_waiting_task_says_why_on_its_one_line(tmp_path: Path, columns: int) -> None:
    # Given a task whose reason is longer than any line
    workflow = make_workflow("running", "FAILED", 40)
    workflow["tasks"][1]["reason"] = "No k-space is there. " + "x" * 10_000

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=workflow)

    # When it is followed, then each task is one line that says how it stands
    with (
        somebody(tmp_path, answer) as person,
        person.at_terminal("workflow", WORKFLOW_ID, "--watch", columns=columns) as terminal,
    ):
        terminal.wait_for("failed: No")
        terminal.press("c-c")
        assert terminal.wait() == 130
        scan, reconstruction, *_ = terminal.lines
        assert scan.startswith("Scan 1 ")
        assert reconstruction.startswith("Reconstruction 1 ")
        assert "40 % failed: No" in reconstruction
        assert "…" in reconstruction
        assert measure_width(terminal.output) <= columns


def test_narrow_terminal_shows_whole_ids_and_no_wider_line(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=make_workflow("completed", "COMPLETED", 100))

    with somebody(tmp_path, answer) as person:
        for options in ([], ["--watch"]):
            arguments = ["workflow", WORKFLOW_ID, *options]
            with person.at_terminal(*arguments, columns=40) as terminal:
                assert terminal.wait() == 0
                shown = "".join(terminal.lines)
                assert measure_width(terminal.output) <= 40
                assert WORKFLOW_ID in shown
                assert options or (TASK_ID in shown and "r" * 50 in shown)


@pytest.mark.parametrize(
    ("arguments", "id_shown"),
    [(["workflows", "--limit", "2"], WORKFLOW_ID), (["runs", "--limit", "2"], f"object_{1:043d}")],
)
def test_list_is_blocks_on_a_narrow_terminal(
    tmp_path: Path, arguments: list[str], id_shown: str
) -> None:
    with (
        somebody(tmp_path, answer_lists) as person,
        person.at_terminal(*arguments, columns=40) as terminal,
    ):
        assert terminal.wait() == 0
        assert id_shown in "".join(terminal.lines)
        assert measure_width(terminal.output) <= 40
        assert sum(line.startswith(("STATUS: ", "STATE: ")) for line in terminal.lines) == 2


def test_pipe_gets_no_escapes_while_the_bar_moves_on_the_terminal(
    person: Person, gate: Gate, command: list[str], tmp_path: Path
) -> None:
    line = "{cli} " + " ".join(command) + " | cat >piped"
    with person.in_shell(line) as terminal:
        terminal.wait_for("60 %")
        gate.open()
        assert terminal.wait() == 0
        assert any("━" in line for line in terminal.lines)
    piped = (person.home / "piped").read_text()
    assert piped.endswith(
        f"upload 100 %\nUploaded ({UPLOAD_ID}).\nIts run: scanhub-workflow run run-1\n"
    )
    assert "\x1b" not in piped


def test_dumb_terminal_gets_lines(person: Person, gate: Gate, command: list[str]) -> None:
    with person.in_shell("TERM=dumb {cli} " + " ".join(command)) as terminal:
        terminal.wait_for("upload 10 %")
        gate.open()
        assert terminal.wait() == 0
        assert "upload 100 %" in terminal.lines
        assert b"\x1b" not in terminal.output


def test_pipes_get_no_escapes_at_all(person: Person, gate: Gate, command: list[str]) -> None:
    gate.open()
    ended = person.without_terminal(*command, TERM="xterm-256color")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\x1b" not in ended.stdout
    assert b"upload 100 %\n" in ended.stdout


def test_no_color_is_respected(person: Person, gate: Gate, command: list[str]) -> None:
    gate.open()
    with person.at_terminal(*command) as terminal:
        assert terminal.wait() == 0
        assert COLOR.search(terminal.output)
    with person.at_terminal(*command, NO_COLOR="1") as terminal:
        assert terminal.wait() == 0
        assert not COLOR.search(terminal.output)


def test_json_is_lines_of_json_beside_an_empty_terminal(
    person: Person, gate: Gate, command: list[str]
) -> None:
    gate.open()
    with person.in_shell("{cli} " + " ".join(command) + " --json >answer") as terminal:
        assert terminal.wait() == 0
        assert terminal.output == b""
    [document] = map(json.loads, (person.home / "answer").read_text().splitlines())
    assert document["upload_id"] == UPLOAD_ID


@pytest.mark.parametrize("limit", ["1", "1000"])
def test_pipe_that_is_closed_early_is_no_error(tmp_path: Path, limit: str) -> None:
    with (
        somebody(tmp_path, answer_lists) as person,
        # Its reader has gone before it begins, which is the earliest.
        person.in_shell(
            "mkfifo pipe; exec 3<>pipe 4>pipe 3<&-; {cli} runs --limit " + limit + " >&4"
        ) as terminal,
    ):
        assert terminal.wait() == 1
        assert terminal.output == b""


def test_head_of_a_long_list(tmp_path: Path) -> None:
    with (
        somebody(tmp_path, answer_lists) as person,
        person.in_shell("{cli} runs --limit 1000 | head -1") as terminal,
    ):
        assert terminal.wait() == 0
        [line] = terminal.lines
        assert line.startswith("RUN ")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminal_that_takes_few_characters_gets_question_marks(
    tmp_path: Path, encoding: str
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return refuse(404, "No such → run.")

    with somebody(tmp_path, answer) as person:
        ended = person.without_terminal("run", "r", PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stderr) == (5, b"No such ? run. (HTTP 404)\n")


def test_closed_streams_are_no_error(tmp_path: Path) -> None:
    with (
        somebody(tmp_path, answer_lists) as person,
        person.in_shell("{cli} runs --limit 2 <&- >&-; echo $?; {cli} login <&-; echo $?") as shell,
    ):
        assert shell.wait() == 0
        assert [line for line in shell.lines if len(line) == 1] == ["0", "3"]
        assert b"Traceback" not in shell.output


def test_shell_completes_commands_and_options(tmp_path: Path) -> None:
    person = Person(tmp_path, "")
    complete = {"_SCANHUB_WORKFLOW_COMPLETE": "complete_bash"}
    commands = person.without_terminal(COMP_WORDS="scanhub-workflow up", COMP_CWORD="1", **complete)
    assert commands.stdout.split() == [b"upload"]
    options = person.without_terminal(
        COMP_WORDS="scanhub-workflow runs --st", COMP_CWORD="2", **complete
    )
    assert options.stdout.split() == [b"--state"]


def test_token_is_typed_unseen_and_kept_for_its_owner(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer typed-token"
        return httpx.Response(200, json={"message": "Hello, World!"})

    with serve(answer) as url:
        person = Person(tmp_path / "home", "")
        with person.at_terminal("login", "--url", f"{url}/api") as terminal:
            terminal.wait_for("empty to paste a token")
            terminal.press("\r")
            # The blank comes when the echo is off.
            terminal.wait_until(lambda _: terminal.output.endswith(b"Token: "))
            terminal.press("typed-token\r")
            assert terminal.wait() == 0
            assert b"typed-token" not in terminal.output
            assert "Logged in." in " ".join(terminal.lines)
    assert "typed-token" in person.login_file.read_text()
    assert stat.S_IMODE(person.login_file.stat().st_mode) == 0o600
