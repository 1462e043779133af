"""Who may call what, and that no path is redirected."""

from uuid import uuid4

import httpx
import pytest

from local.aws import make_client
from tests.e2e.conftest import Walk
from tests.e2e.laptop import Laptop

PROTECTED = [
    ("GET", "/hello"),
    ("GET", "/tasks"),
    ("POST", "/process/{workflow_id}"),
    ("GET", "/workflows/{workflow_id}"),
    ("GET", "/dag_runs/{dag_run_id}"),
    ("GET", "/dag_runs/{dag_run_id}/results"),
    ("POST", "/upload_and_trigger/cartesian_reconstruction"),
    ("POST", "/uploads"),
    ("POST", "/uploads/no-such-upload/complete"),
]
PUBLIC = [
    ("GET", "/health/readiness"),
    ("POST", "/results_ready"),
    ("POST", "/result_ready/{task_id}"),
]
FORMS = ["", "/"]


def fill(path: str, walk: Walk) -> str:
    return path.format(
        workflow_id=walk.workflow_id,
        dag_run_id=walk.run["dag_run_id"],
        task_id=walk.reconstruction_task_id,
    )


@pytest.mark.parametrize("slash", FORMS)
@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_api_refuses_a_call_without_a_token(
    laptop: Laptop, walk: Walk, method: str, path: str, slash: str
) -> None:
    # Given no token; when a protected route is called; then it is refused
    answer = laptop.anonymous.request(method, fill(path, walk) + slash)
    assert answer.status_code == 401


@pytest.mark.parametrize("slash", FORMS)
@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_api_refuses_a_call_with_an_unknown_token(
    laptop: Laptop, walk: Walk, method: str, path: str, slash: str
) -> None:
    # Given a token of nobody; when a protected route is called; then it is refused
    headers = {"Authorization": f"Bearer {uuid4().hex}"}
    answer = laptop.anonymous.request(method, fill(path, walk) + slash, headers=headers)
    # In AWS the gateway answers 401 and "Invalid token."; the emulator ignores its templates.
    assert answer.status_code in {401, 403}


@pytest.mark.parametrize("slash", FORMS)
@pytest.mark.parametrize(("method", "path"), [*PROTECTED, *PUBLIC])
def test_api_never_redirects(
    laptop: Laptop, walk: Walk, method: str, path: str, slash: str
) -> None:
    # Given the operator; when a route is called in either form, an empty body or not
    answer = laptop.api.request(method, fill(path, walk) + slash)
    # Then it answers itself
    assert not 300 <= answer.status_code < 400
    assert answer.status_code != httpx.codes.METHOD_NOT_ALLOWED
    assert answer.status_code < 500


@pytest.mark.parametrize("slash", FORMS)
def test_list_available_tasks_shows_the_dag(laptop: Laptop, slash: str) -> None:
    # Given Airflow with our DAG and those of the tests; when the tasks are listed; then ours is
    # there with its name
    answer = laptop.api.get(f"/tasks{slash}")
    assert answer.status_code == 200
    dag, *others = answer.json()["tasks"]["dags"]
    assert (dag["dag_id"], dag["dag_display_name"]) == (
        "cartesian_reconstruction",
        "Cartesian reconstruction",
    )
    assert answer.json()["tasks"]["total_entries"] == 1 + len(others)


@pytest.mark.parametrize("slash", FORMS)
@pytest.mark.parametrize(("method", "path"), [("POST", "/process"), ("GET", "/workflows")])
def test_api_answers_404_when_the_workflow_is_unknown(
    laptop: Laptop, method: str, path: str, slash: str
) -> None:
    # Given an id of no workflow; when it is asked for; then it is not found
    answer = laptop.api.request(method, f"{path}/{uuid4()}{slash}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("slash", FORMS)
def test_check_readiness_needs_no_token(laptop: Laptop, slash: str) -> None:
    # Given no token, and a reconciler that has taken a turn
    laptop.reconcile()
    # When readiness is asked; then all is well
    answer = laptop.anonymous.get(f"/health/readiness{slash}")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "degraded": []}


def test_api_is_public_at_one_stage_only(laptop: Laptop) -> None:
    # Given the deployed API; when its stages are listed
    gateway = make_client(laptop.config, "apigateway")
    [api] = gateway.get_rest_apis()["items"]
    stages = gateway.get_stages(restApiId=api["id"])["item"]
    # Then there is the one that is throttled, logged and watched
    assert [stage["stageName"] for stage in stages] == ["api"]
