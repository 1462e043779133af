"""Following a workflow or a run, as people and programs see it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.command_line import CommandLine

AT = "2026-11-26T20:00:00Z"
SCAN, RECONSTRUCTION = "task-1", "task-2"


def make_task(task_id: str, task_type: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "task_type": task_type,
        "status": status,
        "progress": 0,
        "attempt": 1,
        "input_task_ids": [],
        "dag_run_id": None,
        "reason": None,
        "deadline": None,
        "updated_at": AT,
        **more,
    }


def make_workflow(status: str, scan: str, image: str, **more: Any) -> dict[str, Any]:
    return {
        "workflow_id": "w",
        "exam_id": None,
        "status": status,
        "auto_advance": True,
        "created_at": AT,
        "updated_at": AT,
        "tasks": [
            make_task(SCAN, "DEVICE_TASK_SDK", scan),
            make_task(
                RECONSTRUCTION,
                "RECONSTRUCTION_TASK",
                image,
                **{"input_task_ids": [SCAN], **more},
            ),
        ],
        "events": [],
    }


def answer_with(states: Iterator[dict[str, Any]]) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, json=next(states)))


def watch(folder: Path, *states: dict[str, Any], options: tuple[str, ...] = ()) -> Any:
    command_line = CommandLine(folder, answer_with(iter(states)))
    return command_line.run("workflow", "w", "--watch", *options)


def test_each_change_is_a_line_in_a_pipe(tmp_path: Path) -> None:
    ended = watch(
        tmp_path,
        make_workflow("running", "IN_PROGRESS", "PENDING"),
        make_workflow("running", "COMPLETED", "IN_PROGRESS", progress=40),
        make_workflow("completed", "COMPLETED", "COMPLETED", progress=100),
    )
    assert (ended.code, ended.err) == (0, "")
    shown = [line.split("  ", 1)[1] for line in ended.out.splitlines() if "  " in line]
    assert shown == [
        "Scan 1  in progress  0 %",
        "Reconstruction 1  pending  0 %  Waits for Scan 1.",
        "Scan 1  completed  0 %",
        "Reconstruction 1  in progress  40 %",
        "Reconstruction 1  completed  100 %",
    ]
    assert ended.out.splitlines()[-1] == "Workflow w is completed."


def test_each_change_is_a_document_for_a_program(tmp_path: Path) -> None:
    ended = watch(
        tmp_path,
        make_workflow("running", "COMPLETED", "IN_PROGRESS"),
        make_workflow("failed", "COMPLETED", "FAILED", reason="The DAG failed."),
        options=("--json",),
    )
    assert ended.code == 8
    assert [document["status"] for document in ended.documents] == ["running", "failed"]


def test_failure_ends_with_its_reason(tmp_path: Path) -> None:
    ended = watch(tmp_path, make_workflow("failed", "COMPLETED", "FAILED", reason="No k-space."))
    assert (ended.code, ended.err) == (8, "Reconstruction 1: No k-space.\n")


def test_operator_is_told_when_a_scan_waits_for_him(tmp_path: Path) -> None:
    ended = watch(
        tmp_path,
        make_workflow("running", "PENDING", "PENDING"),
        make_workflow("cancelled", "CANCELLED", "CANCELLED"),
    )
    assert "scanhub-workflow process w" in ended.err


def test_watch_that_takes_too_long_says_that_it_goes_on(tmp_path: Path) -> None:
    states = iter([make_workflow("running", "IN_PROGRESS", "PENDING")])
    ended = CommandLine(tmp_path, answer_with(states)).run(
        "workflow", "w", "--watch", "--timeout", "0"
    )
    assert ended.code == 124
    assert "watch it again" in ended.err


@pytest.mark.parametrize(
    ("transport", "sentence"),
    [
        (httpx.MockTransport(lambda _: httpx.Response(200, json={"new": 1})), "update this client"),
        (httpx.MockTransport(lambda _: httpx.Response(503)), "HTTP 503"),
        (httpx.MockTransport(lambda _: httpx.Response(302)), "redirect"),
    ],
)
def test_server_of_another_version_or_none_is_told(
    tmp_path: Path, transport: httpx.MockTransport, sentence: str
) -> None:
    ended = CommandLine(tmp_path, transport).run("workflow", "w")
    assert (ended.code, sentence in ended.err) == (7, True)


def test_state_of_a_newer_server_is_told(tmp_path: Path) -> None:
    ended = watch(tmp_path, make_workflow("running", "ON_HOLD", "PENDING"))
    assert ended.code == 7
    assert "tasks.0.status" in ended.err
    assert "update this client" in ended.err


def test_nobody_is_logged_in(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path, environ={}).run("workflow", "w")
    assert (ended.code, ended.err) == (3, "You are not logged in. Log in: scanhub-workflow login\n")
