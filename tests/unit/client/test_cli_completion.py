"""What the shell offers after Tab."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from scanhub_workflow.cli import app, completion
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.session import Session
from tests.fakes.command_line import URL
from tests.unit.client.test_cli_words import AT, DIAMOND, RUN

DAGS = [
    {"dag_id": dag_id, "dag_display_name": dag_id}
    for dag_id in ("fft", "fft_3d", "sense", "$(reboot)", "a b", "-x", "')`;", "x\ny")
]
LISTS: dict[str, Any] = {
    "/tasks/": {"tasks": {"dags": DAGS, "total_entries": len(DAGS), "import_errors": []}},
    "/workflows/": {
        "workflows": [
            {
                "workflow_id": "w-1",
                "exam_id": None,
                "status": "running",
                "created_at": AT,
                "updated_at": AT,
            }
        ],
        "next_cursor": None,
    },
    "/dag_runs/": {"dag_runs": [RUN | {"dag_run_id": "r-1"}], "next_cursor": None},
    "/workflows/w-1/": DIAMOND,
    "/uploads/": {
        "uploads": [
            {
                "upload_id": "u-1",
                "state": "CREATED",
                "dag_id": "fft",
                "task_id": None,
                "file_name": "Jane Doe.h5",
                "size_bytes": 1,
                "part_size_bytes": 1,
                "n_parts": 1,
                "created_at": AT,
                "expires_at": AT,
            }
        ],
        "next_cursor": None,
    },
}


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=LISTS[request.url.path.removeprefix("/api/v1/workflowmanager")])


def complete(
    folder: Path,
    words: str,
    api: Callable[[httpx.Request], httpx.Response] | None = answer,
    url: str = URL,
    dialect: str = "bash",
) -> str:
    environ = {"SCANHUB_WORKFLOW_URL": url, "SCANHUB_WORKFLOW_TOKEN": "t"} if url else {}
    transport = httpx.MockTransport(api) if api else None
    session = Session(Output(), folder, environ, transport)
    line = f"scanhub-workflow {words}"
    variables = {
        "_SCANHUB_WORKFLOW_COMPLETE": f"complete_{dialect}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
        "_TYPER_COMPLETE_ARGS": line,
    }
    ended = CliRunner().invoke(app, [], prog_name="scanhub-workflow", env=variables, obj=session)
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("upload f --dag ff", ["fft", "fft_3d"]),
        ("runs --dag s", ["sense"]),
        ("workflow ", ["w-1"]),
        ("events w", ["w-1"]),
        ("runs --workflow w", ["w-1"]),
        ("download r", ["r-1"]),
        ("retry --run r", ["r-1"]),
        ("retry w-1 ", ["a", "b", "c", "d", "e"]),
        ("retry unknown ", []),
        ("upload f --resume ", ["u-1"]),
        ("cancel --upload u", ["u-1"]),
    ],
)
def test_names_and_ids_are_offered(tmp_path: Path, words: str, offered: list[str]) -> None:
    assert complete(tmp_path, words).split() == offered


def test_what_a_shell_would_run_is_not_offered(tmp_path: Path) -> None:
    offered = complete(tmp_path, "upload f --dag ")
    assert offered.split() == ["fft", "fft_3d", "sense"]
    # zsh evaluates all of it, and the text beside an id is a server's too.
    assert "gone" not in complete(tmp_path, "run ", dialect="zsh")


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("down")


@pytest.mark.parametrize(
    "api",
    [
        refuse,
        lambda _: httpx.Response(401),
        lambda _: httpx.Response(503),
        lambda _: httpx.Response(200, text="<html>"),
    ],
)
def test_nothing_is_offered_and_nothing_said_where_nothing_can_be_asked(
    tmp_path: Path, api: Callable[[httpx.Request], httpx.Response]
) -> None:
    assert complete(tmp_path, "run ", api).strip() == ""


def test_nobody_is_logged_in(tmp_path: Path) -> None:
    assert complete(tmp_path, "run ", url="").strip() == ""


def test_silent_server_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "TOTAL_S", 0.1)
    is_over = threading.Event()

    def stay_silent(request: httpx.Request) -> httpx.Response:
        is_over.wait(20)
        return answer(request)

    try:
        assert complete(tmp_path, "run ", stay_silent).strip() == ""
    finally:
        is_over.set()
