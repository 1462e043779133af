"""Each failure of a device, as ScanHub's services show it, and what the reconciler makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.contract.cells import LOGIN_EXPIRED
from tests.integration.contract.runner import forget_logins, reset
from tests.integration.contract.task_cells import DAG_TASK, SDK_TASK
from tests.integration.deployment import Deployment
from workflow_manager.domain.device_look import SAID_ERROR
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.services.reconcile_runs import reconcile_runs
from workflow_manager.wiring import with_ports


@pytest.fixture
def scanning(deployment: Deployment) -> Deployment:
    """A scan that has been started, and whose device has just said `scanning`."""
    reset(deployment)
    forget_logins()
    deployment.add_workflow(SDK_TASK, DAG_TASK)
    path = f"/trigger_task/{deployment.task_ids[0]}/"
    assert deployment.call("trigger_task", "POST", path)["statusCode"] == 200
    scanner = deployment.stand_in.scanner
    for thread in list(scanner._running.values()):
        # The stand-in's own scan breaks off: the words are the test's.
        thread.join()
    say(deployment, "scanning", progress=0)
    return deployment


def say(deployment: Deployment, word: str, **data: int) -> None:
    """Let the device tell device-manager something; `disconnected` is device-manager's own."""
    message = {
        "device_id": deployment.device_id,
        "status": word,
        "data": data,
        "record_id": deployment.task_ids[0],
        "user_access_token": deployment.token,
    }
    deployment.stand_in.devices.update_status(message)


def take_turns(deployment: Deployment, *minutes: float) -> Task:
    for minute in minutes:
        at = datetime.now(UTC) + timedelta(minutes=minute)
        with_ports(reconcile_runs)(Cause("reconcile_runs", "r", at))
    assert deployment.store is not None
    task = deployment.store.get_task(deployment.workflow_id, deployment.task_ids[0])
    assert task is not None
    return task


def test_sdk_error_is_the_tasks_failure_at_the_next_turn(scanning: Deployment) -> None:
    say(scanning, "error")

    assert take_turns(scanning, 1).reason == SAID_ERROR
    scanning.drain_queue("follow_changes")
    [comment] = [task["comment"] for task in read_tasks(scanning) if "reported" in task["comment"]]
    assert SAID_ERROR in comment.splitlines()[-1]


def read_tasks(deployment: Deployment) -> list[dict[str, Any]]:
    path = f"/api/v1/exam/workflow/{deployment.workflow_id}"
    return list(deployment.scanhub.get(path).json()["tasks"])


@pytest.mark.parametrize(("word", "is_kept"), [("ready", False), ("disconnected", True)])
def test_logout_or_a_dropped_socket_is_no_word_for_five_minutes(
    scanning: Deployment, word: str, is_kept: bool
) -> None:
    say(scanning, "scanning", progress=40)
    take_turns(scanning, 1)
    say(scanning, word)
    assert take_turns(scanning, 2, 3, 4, 5, 6).status is TaskStatus.IN_PROGRESS

    task = take_turns(scanning, 7)

    assert task.status is TaskStatus.FAILED
    assert f"device-manager shows it as {word}." in (task.reason or "")
    assert (task.may_scan_until is not None) is is_kept


@pytest.mark.parametrize("fault", [{"kind": "garbage"}, {"kind": "drop"}, {"status": 404}])
def test_device_manager_that_is_killed_or_has_lost_the_device_says_nothing(
    scanning: Deployment, fault: dict[str, Any]
) -> None:
    say(scanning, "error")
    wrong = {"service": "device-manager", "kind": "status", **fault}
    scanning.scanhub.post("/_control/faults", json=wrong).raise_for_status()

    assert take_turns(scanning, *range(1, 10)).status is TaskStatus.IN_PROGRESS


def test_cancelled_scan_that_ends_all_the_same_is_in_the_trail(scanning: Deployment) -> None:
    path = f"/workflows/{scanning.workflow_id}"
    cancelled = scanning.call("cancel_task", "POST", f"{path}/tasks/{scanning.task_ids[0]}/cancel/")
    assert cancelled["statusCode"] == 200
    scanning.drain_queue("follow_changes")
    say(scanning, "scanning", progress=100)

    task = take_turns(scanning, 1, 2)

    assert (task.status, task.due_at) == (TaskStatus.CANCELLED, None)
    trail = scanning.call("list_workflow_events", "GET", f"{path}/events/")["body"]
    assert trail.count('"late_end"') == 1


def test_login_that_has_ended_is_no_missing_task(scanning: Deployment) -> None:
    ended: dict[str, str | None] = {"Authorization": f"Bearer {'0' * 512}"}
    path = f"/trigger_task/{scanning.task_ids[0]}/"

    answer = scanning.call("trigger_task", "POST", path, headers=ended)

    assert answer["statusCode"] == 401
    assert LOGIN_EXPIRED in answer["body"]
