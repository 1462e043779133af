"""Whatever strangers send, each route says no in its own words, and the log holds nothing of it."""

import io
import json
import os
import re
from random import Random
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tests.fakes.hostile import MARK, SEED, attack
from tests.integration.contract.cells import Ids
from tests.integration.contract.data_cells import send_data
from tests.integration.contract.runner import reset
from tests.integration.contract.steps import upload_run
from tests.integration.deployment import BUCKET, DAG_ID, TABLE, Deployment
from tests.unit.functions.conftest import ROOT, find_routes
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

# Of the thousand and more of each route, always the same ones, so that all take seconds.
N_REQUESTS = int(os.environ.get("N_HOSTILE_REQUESTS", "25"))
PROBLEM = "application/problem+json"


@pytest.fixture
def settings() -> Settings:
    # Whose calls are held against the roles, which name this table.
    return Settings(table_name=TABLE, bucket_name=BUCKET)


@pytest.fixture
def ids(deployment: Deployment, dynamodb_local: Any, settings: Settings) -> Ids:
    """What there is to be attacked, in a table that refuses what DynamoDB refuses."""
    reset(deployment)
    deployment.store = DynamoDBStore(dynamodb_local, settings)
    ids: Ids = {"workflow_id": deployment.workflow_id, "task_id": deployment.task_ids[0]}
    folder = f"s3://{BUCKET}/result/run-1"
    result = {"task_id": ids["task_id"], "type": "DICOM", "directory": folder, "filename": "a.dcm"}
    told = deployment.scanhub.post("/api/v1/exam/result", json={**result, "status": "NEW"})
    ids |= {"dag_id": DAG_ID, "result_id": told.json()["id"]}
    upload_run(deployment, ids)
    send_data(deployment, ids, {"dag_id": DAG_ID})
    return ids


def list_queries(dependant: Dependant) -> list[str]:
    below = (name for each in dependant.dependencies for name in list_queries(each))
    return [*(field.alias for field in dependant.query_params), *below]


def read_good(function: str, route: APIRoute) -> dict[str, Any]:
    """Return a request of `events/` for the route, one that succeeds if there is one."""
    paths = sorted(
        (ROOT / "events" / function).glob("*.json"), key=lambda path: path.stem != "success"
    )
    events = (json.loads(path.read_text()) for path in paths)
    ending = f"/v1/workflowmanager{route.path.rstrip('/')}"
    return next(dict(each) for each in events if each["resource"] == ending)


def make_event(deployment: Deployment, ids: Ids, function: str, route: APIRoute) -> dict[str, Any]:
    event = read_good(function, route)
    is_callback = function == "receive_results"
    token = ids["callback_token"] if is_callback else deployment.token
    return event | {
        "path": f"/v1/workflowmanager{route.path}",
        "headers": event["headers"] | {"Authorization": f"Bearer {token}"},
        "multiValueHeaders": None,
        "good": {name: ids[name] for name in re.findall(r"{(\w+)}", route.path)},
    }


def is_sound(answer: dict[str, Any]) -> bool:
    status = answer["statusCode"]
    if status < 400:
        return True
    problem = json.loads(answer["body"])
    is_problem = answer["headers"]["content-type"] == PROBLEM and problem["status"] == status
    return status < 500 and is_problem


# The framework leaves the file of a form that breaks off to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("function", "route"), find_routes(), ids=lambda each: getattr(each, "operation_id", "")
)
def test_hostile_request_is_answered_and_leaves_no_trace_in_the_log(
    deployment: Deployment, ids: Ids, log: io.StringIO, function: str, route: APIRoute
) -> None:
    event = make_event(deployment, ids, function, route)
    requests = list(attack(event, list(event["good"]), list_queries(route.dependant)))
    chance = Random(f"{SEED} {route.operation_id}")  # noqa: S311 - to be the same again

    wrong = []
    for request in chance.sample(requests, min(N_REQUESTS, len(requests))):
        answer = deployment.invoke(function, request)
        if not is_sound(answer):
            wrong.append((answer["statusCode"], answer["body"], ascii(request)[:3000]))

    assert wrong == []
    assert MARK not in log.getvalue()
