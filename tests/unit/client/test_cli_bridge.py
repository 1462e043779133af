"""What somebody sees who runs the bridge, or asks how it stands."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scanhub_workflow.bridge.account import CREDENTIAL
from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.plain_http import PLAIN_HTTP_VARIABLE
from tests.fakes.command_line import URL, CommandLine

STATUS = {
    "at": "2026-11-29T12:00:00+00:00",
    "free_bytes": 5,
    "contract": "2026-02",
    "problem": "exam-manager gave no answer.",
    "items": [
        {
            "direction": "up",
            "dag_run_id": None,
            "workflow_id": "w-1",
            "task_id": "t-1",
            "state": "cannot be carried",
            "reason": "The volume is full: free 5 bytes.\x1b[31m",
            "n_failed": 2,
            "next_try": "2026-11-29T12:00:20+00:00",
            "done_bytes": 0,
            "size_bytes": 0,
        }
    ],
}


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "home", environ={"SCANHUB_WORKFLOW_URL": URL})


def test_status_shows_what_waits_and_why(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps(STATUS))
    ended = command_line.run("bridge", "--status", "--state", str(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert "problem: exam-manager gave no answer." in ended.out
    assert "t-1\tup\tcannot be carried" in ended.out
    assert "The volume is full" in ended.out
    assert "\x1b" not in ended.out
    shown = command_line.run("bridge", "--status", "--state", str(tmp_path), "--json")
    assert shown.document == STATUS


@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_status_of_no_bridge_is_an_error(
    command_line: CommandLine, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "status.json").write_text(content)
    ended = command_line.run("bridge", "--status", "--state", str(tmp_path))
    assert (ended.code, "No bridge has told anything" in ended.err) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "--data"),
        (["--data", "/nowhere"], 3, "The URLs are needed"),
        (["--data", "/nowhere", "--scanhub-url", "https://s"], 3, "name of the service account"),
        (
            ["--data", "/nowhere", "--scanhub-url", "https://s", "--username", "b"],
            3,
            "The password is needed",
        ),
        (
            [
                *("--data", "/nowhere", "--scanhub-url", "https://s", "--username", "b"),
                *("--password-file", "/nowhere", "--once"),
            ],
            9,
            "The volume is not there",
        ),
    ],
)
def test_what_is_missing_is_said(
    command_line: CommandLine, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    url = ["--url", URL] if "--scanhub-url" in arguments else []
    ended = command_line.run("bridge", "--state", str(tmp_path), *arguments, *url)
    assert (ended.code, said in ended.err) == (code, True), ended.err


def test_volume_that_may_not_be_read_yet_is_no_wrong_option(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the folder of a mount that is yet to come, closed to all: systemd starts no program
    # again whose command line was wrong
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    ended = command_line.run("bridge", "--data", str(tmp_path))
    assert (ended.code, "The URLs are needed" in ended.err) == (3, True)


def test_no_password_goes_in_clear(command_line: CommandLine, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("a long password")
    password.chmod(0o600)
    arguments = ["--scanhub-url", "http://scanhub.hospital", "--username", "b", "--once"]
    arguments += ["--data", str(tmp_path), "--password-file", str(password), "--url", URL]
    ended = command_line.run("bridge", "--state", str(tmp_path / "state"), *arguments)
    assert (ended.code, "could read your login" in ended.err) == (3, True)


def test_sigterm_ends_it_orderly(tmp_path: Path) -> None:
    # Given a bridge that waits for a login that is away
    password = tmp_path / "password"
    password.write_text("a long password")
    password.chmod(0o600)
    closed = "http://127.0.0.1:9"
    arguments = ["--data", tmp_path, "--state", tmp_path / "state", "--password-file", password]
    arguments += ["--url", f"{closed}/workflowmanager", "--scanhub-url", closed]
    command = [sys.executable, "-m", "scanhub_workflow", "bridge", *arguments]
    environ = os.environ | {"PYTHONPATH": "client"}
    with subprocess.Popen(  # noqa: S603 - our own
        [*map(str, command), "--username", "bridge"], stdout=subprocess.PIPE, text=True, env=environ
    ) as process:
        assert process.stdout
        assert "gave no answer" in process.stdout.readline()
        # When it is told to end; then it does, and leaves its status
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
    status = json.loads((tmp_path / "state" / "status.json").read_text())
    assert "gave no answer" in status["problem"]


def test_examples_name_what_the_command_takes(command_line: CommandLine) -> None:
    # Given the unit for systemd and the container file
    unit = Path("client/deploy/scanhub-workflow-bridge.service").read_text()
    container = Path("client/deploy/Containerfile").read_text()
    named = set(re.findall(r"^Environment=(\w+)=", unit, re.M))
    named |= set(re.findall(r"^# +(SCANHUB_\w+):", container, re.M))

    # Then the command, or what it stands on, reads each variable and takes each option
    known = " ".join(command_line.run("bridge", "--help").out.split())
    known += PLAIN_HTTP_VARIABLE + "SSL_CERT_FILE"
    assert {"SCANHUB_URL", "SCANHUB_WORKFLOW_URL"} <= named
    assert [each for each in named if each not in known] == []
    assert [each for each in re.findall(r"--[a-z-]+", container) if each not in known] == [
        "--no-cache-dir"
    ]
    assert f"LoadCredential={CREDENTIAL}:" in unit
    assert f"SuccessExitStatus={ExitCode.INTERRUPTED:d}" in unit
    assert f"RestartPreventExitStatus={ExitCode.USAGE:d} {ExitCode.LOGIN:d}" in unit
