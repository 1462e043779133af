"""The DAG's callback: only the run's own token counts, and only its first outcome."""

from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Walk
from tests.e2e.laptop import Json, Laptop


@pytest.fixture(scope="session")
def callback_token(laptop: Laptop, walk: Walk) -> str:
    """Return the token that Airflow was given for the run of the walk."""
    (run,) = [
        run for run in laptop.list_airflow_runs() if run["dag_run_id"] == walk.run["dag_run_id"]
    ]
    return str(run["conf"]["user_token"])


def call_back(laptop: Laptop, token: str | None, body: Json) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return laptop.anonymous.post("/results_ready/", json=body, headers=headers)


def make_callback(laptop: Laptop, walk: Walk) -> Json:
    """Return the callback that the DAG sent."""
    (result,) = walk.run["results"]
    metadata = dict(result["metadata"])
    # A length [mm] that happens to be whole: the table keeps no difference to an integer.
    metadata["slice_thickness_mm"] = float(metadata["slice_thickness_mm"])
    return {
        "dag_id": walk.run["dag_id"],
        "result_file": f"s3://{laptop.stack.bucket}/{result['key']}",
        "success": True,
        "results": [{**result, "metadata": metadata}],
    }


def read_state(laptop: Laptop, walk: Walk) -> tuple[Any, ...]:
    return (
        laptop.read_run_item(walk.run["dag_run_id"]),
        laptop.get_workflow(walk.workflow_id),
        laptop.get_exam_task(walk.reconstruction_task_id),
    )


@pytest.mark.parametrize("kind", ["none", "wrong", "of no run", "of the user"])
def test_receive_results_refuses_a_token_that_is_not_the_runs(
    laptop: Laptop, walk: Walk, callback_token: str, kind: str
) -> None:
    # Given a token that Airflow was not given for this run
    run_id, _, secret = callback_token.partition(".")
    tokens = {
        "none": None,
        "wrong": f"{run_id}.{secret[::-1]}",
        "of no run": f"{run_id[::-1]}.{secret}",
        "of the user": laptop.stack.token,
    }
    before = read_state(laptop, walk)
    # When it calls back
    answer = call_back(laptop, tokens[kind], make_callback(laptop, walk))
    # Then it is refused in ScanHub's words, and nothing changes
    assert answer.status_code == 401
    expected = "Not authenticated" if kind == "none" else "Invalid token."
    assert answer.json()["detail"] == expected
    assert read_state(laptop, walk) == before


def test_receive_results_changes_nothing_when_the_same_callback_comes_again(
    laptop: Laptop, walk: Walk, callback_token: str
) -> None:
    # Given a run that has reported
    before = read_state(laptop, walk)
    # When the same report comes again
    answer = call_back(laptop, callback_token, make_callback(laptop, walk))
    # Then it is answered as the first time, and nothing changes
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"message": "Results ready notification sent successfully."}
    assert read_state(laptop, walk) == before


def test_receive_results_conflicts_when_a_finished_run_reports_something_else(
    laptop: Laptop, walk: Walk, callback_token: str
) -> None:
    # Given a run that has succeeded
    before = read_state(laptop, walk)
    # When it reports a failure with its own token
    body = {"dag_id": walk.run["dag_id"], "success": False, "error": "Too late."}
    answer = call_back(laptop, callback_token, body)
    # Then the first outcome stands
    assert answer.status_code == 409
    assert read_state(laptop, walk) == before
