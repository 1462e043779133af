"""What the API says in the words of who types commands, and names by which tasks are told apart."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from scanhub_workflow.cli.words import reword
from tests.fakes.command_line import CommandLine
from tests.unit.client.test_cli_watch import make_task

EVIL = "gone\x1b[2J\x1b]0;owned\x07\u202etxt.\u2066\x9b31m\r\nDone.\x7f" + "x" * 10_000
HARMFUL = ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x7f")
AT = "2026-11-26T20:00:00Z"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("POST /trigger_task/t-1/ starts it.", "scanhub-workflow trigger t-1 starts it."),
        ("by POST /workflows/w/tasks/t/retry/.", "by scanhub-workflow retry w t."),
        ("POST /workflows/w/retry/", "scanhub-workflow retry w"),
        ("POST /workflows/w/validate/", "scanhub-workflow validate w"),
        ("POST /dag_runs/r:1/retry/ starts", "scanhub-workflow retry --run r:1 starts"),
        ("POST /dag_runs/r/cancel/", "scanhub-workflow cancel --run r"),
        ("use POST /uploads/ instead", "use scanhub-workflow upload FILE instead"),
        ("GET /dag_runs/r/", "scanhub-workflow run r"),
        ("The run is SUCCEEDED: no.", "The run is succeeded: no."),
        ("and is IN_PROGRESS: look", "and is in progress: look"),
        ("No RECONSTRUCTION_TASK before it.", "No reconstruction task before it."),
        # Neither words in capitals nor what a shell would run is taken for one.
        ("FAILED.dcm is there", "FAILED.dcm is there"),
        ("POST /trigger_task/$(reboot)/ starts", "POST /trigger_task/$(reboot)/ starts"),
        ("POST /trigger_task/t;reboot/", "scanhub-workflow trigger t;reboot/"),
    ],
)
def test_what_the_api_says_to_call_is_what_to_type(theirs: str, ours: str) -> None:
    assert reword(theirs) == ours


def make_workflow(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {
        "workflow_id": "w",
        "exam_id": None,
        "status": "running",
        "auto_advance": True,
        "created_at": AT,
        "updated_at": AT,
        "tasks": tasks,
        "events": [],
    }


DIAMOND = make_workflow(
    make_task("a", "DEVICE_TASK_SDK", "COMPLETED"),
    make_task("b", "RECONSTRUCTION_TASK", "IN_PROGRESS", input_task_ids=["a"]),
    make_task("c", "RECONSTRUCTION_TASK", "PENDING", input_task_ids=["a"]),
    make_task("d", "PROCESSING_TASK", "PENDING", input_task_ids=["b", "c"]),
    make_task("e", "DEVICE_TASK_SDK", "PENDING"),
)


def show(folder: Path, content: Any, *arguments: str, width: int | None = None) -> Any:
    api = httpx.MockTransport(lambda _: httpx.Response(200, json=content))
    return CommandLine(folder, api, width=width).run(*arguments)


def test_tasks_of_a_diamond_are_told_apart_and_say_what_they_wait_for(tmp_path: Path) -> None:
    # Given a server that is older than names and waits
    header, *lines = show(tmp_path, DIAMOND, "workflow", "w").out.splitlines()[1:]
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [(row["NAME"], row["REASON"]) for row in rows] == [
        ("Scan 1", "-"),
        ("Reconstruction 1", "-"),
        ("Reconstruction 2", "-"),
        ("Processing 1", "Waits for Reconstruction 1 and Reconstruction 2."),
        ("Scan 2", "Waits for an operator."),
    ]
    assert {row["STARTED"] for row in rows} == {"-"}
    assert rows[0]["UPDATED"].startswith("2026-11-26 ")


def test_new_server_says_where_a_task_is_and_why_it_waits(tmp_path: Path) -> None:
    # Given a server that tells names, places, times and waits
    scan, image = DIAMOND["tasks"][:2]
    tasks = [
        scan | {"name": "Scan 7", "device_id": "mr-1", "started_at": AT, "finished_at": AT},
        image | {"dag_id": "fft", "waits_for": {"reason": "Airflow is away.", "task_ids": []}},
    ]
    header, *lines = show(tmp_path, make_workflow(*tasks), "workflow", "w").out.splitlines()[1:]
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [row["NAME"] for row in rows] == ["Scan 7 (mr-1)", "Reconstruction 1 (fft)"]
    assert [row["REASON"] for row in rows] == ["-", "Airflow is away."]
    assert rows[0]["STARTED"] == rows[0]["FINISHED"] == rows[0]["UPDATED"]


EVENT = {
    "event_id": "e",
    "entity": f"task:{EVIL}",
    "name": EVIL,
    "from_state": EVIL,
    "to_state": EVIL,
    "reason": EVIL,
    "actor": EVIL,
    "at": AT,
}
PLANNED = {
    "task_id": EVIL,
    "task_type": "PROCESSING_TASK",
    "status": "PENDING",
    "input_task_ids": [EVIL],
    "start": "process",
    "problems": [EVIL],
}
VALIDATED = {
    "workflow_id": EVIL,
    "is_valid": False,
    "would_start": [EVIL],
    "problems": [EVIL],
    "tasks": [PLANNED],
}
RESULT = {
    "type": None,
    "key": EVIL,
    "size_bytes": 1,
    "metadata": {},
    "url": None,
    "unavailable_reason": EVIL,
    "preview_key": EVIL,
    "preview_url": None,
}
RESULTS = {
    "dag_run_id": "r",
    "state": "SUCCEEDED",
    "expires_at": AT,
    "results": [RESULT],
    "next_cursor": None,
}
EVIL_TASK = make_task(
    EVIL, "PROCESSING_TASK", "FAILED", reason=EVIL, dag_run_id=EVIL, name=EVIL, dag_id=EVIL
)
RUN = {
    "dag_run_id": EVIL,
    "dag_id": EVIL,
    "workflow_id": EVIL,
    "task_id": EVIL,
    "state": "FAILED",
    "progress": 0,
    "attempt": 1,
    "reason": EVIL,
    "results": [],
    "deadline": AT,
    "created_at": AT,
    "started_at": AT,
    "finished_at": AT,
}
HOSTILE = (
    make_workflow(EVIL_TASK)
    | VALIDATED
    | RESULTS
    | {"tasks": [EVIL_TASK | PLANNED], "events": [EVENT], "dag_runs": [RUN]}
)


@pytest.mark.parametrize("width", [None, 50, 400])
@pytest.mark.parametrize(
    "arguments",
    [
        ("events", "w"),
        ("validate", "w"),
        ("results", "r"),
        ("runs", "--limit", "1"),
        ("workflow", "w"),
    ],
)
def test_hostile_text_in_a_column_moves_no_cursor_and_fills_no_screen(
    tmp_path: Path, arguments: tuple[str, ...], width: int | None
) -> None:
    # Given a server whose every text is hostile: each command reads its own part of this answer
    shown = show(tmp_path, HOSTILE, *arguments, width=width)
    # Then people read words, bounded ones, and the terminal is told nothing
    assert "gone" in shown.out
    for harm in HARMFUL:
        assert harm not in shown.out + shown.err
    # A narrow terminal breaks lines between words.
    lines = [] if width == 50 else shown.out.splitlines()
    assert not any(line.strip().startswith("Done.") for line in lines)
    assert len(shown.out + shown.err) < 20_000
