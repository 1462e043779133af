"""Starting all of a workflow again that has failed."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.command_line import CommandLine
from tests.unit.client.test_cli_watch import make_task
from tests.unit.client.test_cli_words import EVIL, HARMFUL

TASKS = [
    make_task("a", "DEVICE_TASK_SDK", "FAILED"),
    make_task("b", "RECONSTRUCTION_TASK", "IN_PROGRESS"),
    make_task("c", "RECONSTRUCTION_TASK", "COMPLETED"),
]
A_SCAN = "A scan is not started: POST /workflows/w/tasks/a/retry/ starts it."


def retry(
    folder: Path, started: list[str], left: dict[str, str], *options: str
) -> tuple[Any, list[httpx.Request]]:
    asked: list[httpx.Request] = []
    answer = {
        "message": "Done.",
        "workflow_id": "w",
        "workflow_status": "running",
        "started": started,
        "not_started": [{"task_id": key, "reason": reason} for key, reason in left.items()],
        "tasks": TASKS,
    }

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=answer)

    ended = CommandLine(folder, httpx.MockTransport(reply)).run("retry", "w", *options)
    return ended, asked


def test_what_was_started_and_what_not_is_told_by_name(tmp_path: Path) -> None:
    ended, [request] = retry(tmp_path, ["b"], {"a": A_SCAN})
    assert (request.method, request.url.path[-19:]) == ("POST", "/workflows/w/retry/")
    assert (ended.code, ended.out.splitlines()) == (
        0,
        [
            "Started Reconstruction 1 again (b).",
            "Not started: Scan 1 (a). A scan is not started: scanhub-workflow retry w a starts it.",
        ],
    )
    told, _ = retry(tmp_path, ["b"], {"a": A_SCAN}, "--json")
    assert told.document["not_started"] == [{"task_id": "a", "reason": A_SCAN}]


def test_exit_status_says_whether_anything_that_failed_was_left(tmp_path: Path) -> None:
    nothing, _ = retry(tmp_path, [], {})
    assert (nothing.code, nothing.out) == (0, "Nothing of it has failed: nothing was started.\n")
    for options in ((), ("--json",)):
        left, _ = retry(tmp_path, [], {"a": A_SCAN}, *options)
        assert left.code == 6


def test_hostile_reason_is_told_harmlessly(tmp_path: Path) -> None:
    ended, _ = retry(tmp_path, [], {EVIL: EVIL})
    assert not any(harm in ended.out for harm in HARMFUL)
    assert ended.out.count("\n") == 1
    assert len(ended.out) < 5_000


@pytest.mark.parametrize(
    "arguments",
    [["retry"], ["retry", "w", "--run", "r"], ["retry", "w", "--expected-attempt", "1"]],
)
def test_retry_wants_to_know_of_what(tmp_path: Path, arguments: list[str]) -> None:
    assert CommandLine(tmp_path, None).run(*arguments).code == 2
