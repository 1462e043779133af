"""What an answer costs that has not changed: calls of AWS and ScanHub, counted from the wire."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.scanhub.seed import DEFAULT_TASKS
from tests.integration.deployment import TABLE, Deployment, deploy, put_part
from workflow_manager import wiring
from workflow_manager.stores import items

ROUTES = {
    "/workflows/": "list_workflows",
    "/workflows/?include=tasks": "list_workflows",
    "/workflows/?status=running&limit=10": "list_workflows",
    "/dag_runs/": "list_dag_runs",
    "/dag_runs/?workflow_id={workflow_id}": "list_dag_runs",
    "/uploads/": "list_uploads",
    "/rejected_objects/": "list_rejected_objects",
    "/workflows/{workflow_id}/": "get_workflow",
    "/workflows/{workflow_id}/events/": "list_workflow_events",
    "/dag_runs/{dag_run_id}/?task_instances=false": "get_dag_run",
    "/dag_runs/{dag_run_id}/": "get_dag_run",
    "/dag_runs/{dag_run_id}/results/": "list_results",
}


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with deploy() as deployment:
        yield deployment


@pytest.fixture
def calls(deployment: Deployment) -> list[str]:
    """The name of each call of DynamoDB and S3."""
    called: list[str] = []
    for service in ("dynamodb", "s3"):
        client = wiring._aws_client(service) if service == "dynamodb" else wiring._s3_client()
        client.meta.events.register(
            f"before-call.{service}", lambda model, **_: called.append(model.name)
        )
    return called


def post(deployment: Deployment, function: str, path: str, body: Any = None) -> Any:
    answer = deployment.call(function, "POST", path, body)
    assert answer["statusCode"] < 300, answer
    return json.loads(answer["body"])


def scan(deployment: Deployment) -> str:
    """Scan, upload, start the reconstruction; return the id of its run."""
    post(deployment, "process_workflow", f"/process/{deployment.workflow_id}/")
    target = {"task_id": deployment.task_ids[0], "file_name": "raw.h5", "size_bytes": 4}
    plan = post(deployment, "create_upload", "/uploads/", target)
    parts = {"parts": [{"part_number": 1, "etag": put_part(plan)}]}
    post(deployment, "complete_upload", f"/uploads/{plan['upload_id']}/complete/", parts)
    deployment.drain_queue()
    _, run_id = list(deployment.airflow.runs)[-1]
    return str(run_id)


def let_settle() -> None:
    """Let a minute pass since the last change."""
    at = datetime.now(UTC) - timedelta(minutes=1)
    mark = {"at": {"S": at.isoformat()}}
    item = items.encode_key(items.LISTS_KEY) | mark
    wiring._aws_client("dynamodb").put_item(TableName=TABLE, Item=item)


def test_what_has_not_changed_costs_one_read(
    deployment: Deployment, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a workflow that is under way, at a time that stands still
    run_id = scan(deployment)
    let_settle()
    now = datetime.now(UTC)
    monkeypatch.setitem(wiring.PORTS, "clock", lambda: lambda: now)
    known = {"workflow_id": deployment.workflow_id, "dag_run_id": run_id}
    costs = {}
    for route, function in ROUTES.items():
        path = route.format(**known)
        first = deployment.call(function, "GET", path)
        assert first["statusCode"] == 200, first
        headers = {k.lower(): v for k, v in first["headers"].items()}
        calls.clear()
        deployment.stand_in.recorder.clear()

        # When it is asked for again
        again = deployment.call(function, "GET", path, None, {"If-None-Match": headers["etag"]})

        # Then one item is read, and nobody else is asked
        n_asked = len(deployment.stand_in.recorder.to_json())
        costs[route] = (again["statusCode"], list(calls), n_asked)
    assert costs == dict.fromkeys(ROUTES, (304, ["GetItem"], 0))


def test_board_reads_the_tasks_of_workflows_that_have_changed_and_of_no_others(
    deployment: Deployment, calls: list[str]
) -> None:
    # Given a board of two
    for _ in range(2):
        deployment.add_workflow(*DEFAULT_TASKS)
        post(deployment, "process_workflow", f"/process/{deployment.workflow_id}/")
    board = ("list_workflows", "GET", "/workflows/?include=tasks")
    [newest, other] = json.loads(deployment.call(*board)["body"])["workflows"]
    # When one of them changes
    post(deployment, "cancel_workflow", f"/workflows/{newest['workflow_id']}/cancel/")
    calls.clear()
    [changed, rest] = json.loads(deployment.call(*board)["body"])["workflows"]
    # Then, behind the mark and each month of the index, all workflows are read, and its own tasks
    assert calls[calls.index("BatchGetItem") :] == ["BatchGetItem", "Query"]
    assert [task["status"] for task in changed["tasks"]] == ["CANCELLED", "CANCELLED"]
    assert rest == other
