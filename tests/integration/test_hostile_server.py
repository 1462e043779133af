"""The command line against servers on sockets that mean no good."""

from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from scanhub_workflow import errors
from scanhub_workflow.login import log_in
from tests.fakes.command_line import CommandLine
from tests.fakes.doctor_server import FakeDoctorServer
from tests.fakes.result_server import PREFIX, RUN_ID, FakeResultServer
from tests.fakes.served import Answer, serve

# Clears the screen, sets the window's title, turns text around, and begins a line of its own.
EVIL = "gone\x1b[2J\x1b]0;owned\x07\u202etxt.\u2066\x9b31m\r\nDone.\x7f"


def make_command_line(
    folder: Path, host: str, width: int | None = None, base: str = "/api"
) -> CommandLine:
    environ = {"SCANHUB_WORKFLOW_URL": f"{host}{base}", "SCANHUB_WORKFLOW_TOKEN": "a-token"}
    return CommandLine(folder, environ=environ, width=width)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_takes_no_secret_to_another_host(tmp_path: Path, status: int) -> None:
    stolen: list[httpx.Request] = []

    def steal(request: httpx.Request) -> httpx.Response:
        stolen.append(request)
        return httpx.Response(200, json={"message": "Hello", "access_token": "issued"})

    with ExitStack() as stack:
        thief = stack.enter_context(serve(steal))
        headers = {"Location": f"{thief}/api/tasks/"}
        api = stack.enter_context(serve(lambda _: httpx.Response(status, headers=headers)))
        for command in (["tasks"], ["process", "w"], ["doctor"]):
            assert make_command_line(tmp_path, api).run(*command).code != 0
        with pytest.raises(errors.UnexpectedAnswerError):
            log_in(api, "ada", "right")

    assert not stolen


@pytest.mark.parametrize("width", [None, 50, 200])
def test_words_of_the_server_reach_a_terminal_as_words(tmp_path: Path, width: int | None) -> None:
    # Given a file that cannot be had, a refusal, and a part that does not work, in evil words
    results, doctor = FakeResultServer({}), FakeDoctorServer()
    results.unavailable[PREFIX + "a.dcm"] = EVIL
    refusal = {"title": "", "status": 409, "detail": EVIL, "reason": EVIL}
    doctor.degrade(EVIL)
    commands: list[tuple[Answer, list[str]]] = [
        (results.answer_api, ["download", RUN_ID, "-o", str(tmp_path / "out")]),
        (lambda _: httpx.Response(409, json=refusal), ["process", "w"]),
        (doctor.answer_api, ["doctor"]),
    ]

    for answer, command in commands:
        # When a command tells of it
        with serve(answer) as url:
            base = doctor.base.rstrip("/") if command == ["doctor"] else "/api"
            ended = make_command_line(tmp_path, url, width, base).run(*command)
        # Then people read words, and the terminal is told nothing
        shown = ended.out + ended.err
        assert ended.code != 0
        assert "gone" in shown
        for harm in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x7f"):
            assert harm not in shown
        assert not any(line.strip().startswith("Done.") for line in shown.splitlines())
