"""A deployment for today's ScanHub in front of that of 2025-03; the reverse is among the traps."""

import json
from collections.abc import Iterator

import pytest

from tests.fakes.contract import speak
from tests.integration.contract.runner import count_starts, exams_task, forget_logins, reset
from tests.integration.contract.task_cells import DAG_TASK, SDK_TASK
from tests.integration.deployment import Deployment
from workflow_manager.contract import Contract

WORDS = "exam-manager speaks 2025-03, deployed for 2026-02"


@pytest.fixture
def misplaced(deployment: Deployment) -> Iterator[Deployment]:
    reset(deployment)
    forget_logins()
    deployment.stand_in.recorder.clear()
    deployment.add_workflow(SDK_TASK, DAG_TASK)
    with speak(Contract.FEBRUARY_2026):
        yield deployment


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("trigger_task", "POST", "/trigger_task/{task_id}/"),
        ("process_workflow", "POST", "/process/{workflow_id}/"),
        ("get_workflow", "GET", "/workflows/{workflow_id}/"),
        ("validate_workflow", "POST", "/workflows/{workflow_id}/validate/"),
    ],
)
def test_each_call_says_so_and_touches_nothing(
    misplaced: Deployment, function: str, method: str, path: str
) -> None:
    before = exams_task(misplaced)
    ids = {"task_id": misplaced.task_ids[0], "workflow_id": misplaced.workflow_id}
    answer = misplaced.call(function, method, path.format(**ids))
    assert (answer["statusCode"], json.loads(answer["body"])["detail"]) == (503, WORDS)
    assert exams_task(misplaced) == before
    assert count_starts(misplaced) == 0


def test_readiness_says_so_behind_the_next_turn(misplaced: Deployment) -> None:
    misplaced.invoke("reconcile_runs", {})
    answer = misplaced.call("check_readiness", "GET", "/health/readiness", actor=None)
    assert (answer["statusCode"], json.loads(answer["body"])["degraded"]) == (200, [WORDS])
