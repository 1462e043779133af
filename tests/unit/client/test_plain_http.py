"""No token and no password leaves this computer in clear, unless its user says so."""

import json
from pathlib import Path

import httpx
import pytest

from scanhub_workflow import Client, errors
from scanhub_workflow.cli import login
from scanhub_workflow.login import log_in
from scanhub_workflow.plain_http import PLAIN_HTTP_VARIABLE
from tests.fakes.command_line import CommandLine

BASE = "/api/v1/workflowmanager"
ELSEWHERE = [
    "http://api.test",
    "HTTP://api.test",
    "http://10.0.0.1",
    "http://0.0.0.0",
    "http://127.0.0.1.api.test",
    "http://localhost.api.test",
    "http://[fd00::1]:8080",
    "http://2130706433",
]
HERE = ["http://localhost:3000", "http://127.0.0.1", "http://127.1.2.3:80", "http://[::1]:1"]


class Recorder(httpx.BaseTransport):
    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"message": "Hello", "access_token": "issued"})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def command_line(tmp_path: Path, recorder: Recorder) -> CommandLine:
    return CommandLine(tmp_path, recorder, environ={})


@pytest.mark.parametrize("url", ELSEWHERE)
def test_client_sends_no_token_in_clear(
    url: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("", "0", "yes"):
        monkeypatch.setenv(PLAIN_HTTP_VARIABLE, value)
        with pytest.raises(errors.ConfigurationError, match="Others in the network") as caught:
            Client(url + BASE, "a-token", transport=recorder)
        assert "a-token" not in str(caught.value)

    monkeypatch.setenv(PLAIN_HTTP_VARIABLE, "1")
    with Client(url + BASE, "a-token", transport=recorder) as client:
        client.hello()


@pytest.mark.parametrize("url", HERE)
def test_client_reaches_this_computer_by_http(url: str, recorder: Recorder) -> None:
    with Client(url + BASE, "a-token", transport=recorder) as client:
        client.hello()


@pytest.mark.parametrize("url", ELSEWHERE)
def test_library_sends_no_password_in_clear(url: str, recorder: Recorder) -> None:
    with pytest.raises(errors.ConfigurationError):
        log_in(url, "ada", "right", transport=recorder)

    assert not recorder.requests


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_piped_token_is_refused_and_not_kept(
    command_line: CommandLine, recorder: Recorder, as_json: list[str]
) -> None:
    arguments = ["login", "--url", ELSEWHERE[0] + BASE, "--token-stdin", *as_json]
    ended = command_line.run(*arguments, text="pasted\n")

    assert (ended.code, ended.out) == (3, "")
    assert PLAIN_HTTP_VARIABLE in ended.err
    assert "pasted" not in ended.err
    assert not recorder.requests
    assert not (command_line.folder / "login.json").exists()


def test_password_is_not_even_asked(
    command_line: CommandLine, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "is_somebody_there", lambda: True)
    arguments = ["login", "--url", f"https://api.test{BASE}", "--login-url", "http://scanhub.test"]
    ended = command_line.run(*arguments, "--username", "ada", text="right\n")

    assert (ended.code, "Password" in ended.err) == (3, False)
    assert not recorder.requests


def test_login_that_was_kept_is_not_used_in_clear(
    command_line: CommandLine, recorder: Recorder
) -> None:
    kept = command_line.folder / "login.json"
    kept.write_text(json.dumps({"url": ELSEWHERE[0] + BASE, "token": "a-token"}))
    kept.chmod(0o600)

    for command in (["tasks"], ["doctor"]):
        assert command_line.run(*command).code != 0
    assert not recorder.requests
