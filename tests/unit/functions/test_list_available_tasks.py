import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import (
    MissingPermissionError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.ports import Dag, DagImportError


def test_list_available_tasks_nests_the_dags_as_clients_read_them(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.orchestrator.dags["paused"] = Dag(
        dag_id="paused", dag_display_name="Paused", is_paused=True
    )

    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))

    tasks = read_body(answer)["tasks"]
    assert answer["statusCode"] == 200
    assert tasks["total_entries"] == 3
    assert [
        (dag["dag_id"], dag["dag_display_name"], dag["is_paused"]) for dag in tasks["dags"]
    ] == [
        ("cartesian_reconstruction", "Reconstruction", False),
        ("dag_reco", "Reconstruction", False),
        ("paused", "Paused", True),
    ]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (UpstreamUnreachableError("Airflow is away."), 502, "Airflow is away."),
        (UpstreamTimeoutError("late"), 504, "Airflow did not answer in time."),
        (UpstreamRefusedError("x", 500), 502, "Airflow answered with status 500."),
        (UpstreamRefusedError("x", 401), 502, "Airflow answered with status 401."),
    ],
)
def test_list_available_tasks_says_that_airflow_failed(
    invoke: Invoke, world: MemoryPorts, error: UpstreamError, status: int, reason: str
) -> None:
    world.orchestrator.outage = error

    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))

    body = read_body(answer)
    assert answer["statusCode"] == status
    assert body["detail"] == "Failed to retrieve Airflow DAGs"
    assert body["reason"] == reason


def test_list_available_tasks_says_what_airflow_cannot_read(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.orchestrator.import_errors = [DagImportError(filename="mine.py", error="SyntaxError: x")]

    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))

    tasks = read_body(answer)["tasks"]
    assert tasks["import_errors"] == [{"filename": "mine.py", "error": "SyntaxError: x"}]
    assert tasks["total_entries"] == len(tasks["dags"]) == 2


@pytest.mark.parametrize(
    "error",
    [UpstreamRefusedError("x", 403), UpstreamTimeoutError("late"), MissingPermissionError()],
)
def test_list_available_tasks_does_without_import_errors(
    invoke: Invoke, world: MemoryPorts, error: UpstreamError
) -> None:
    # Given an account whose role may not see them, or an Airflow that is slow
    world.orchestrator.fail_with["list_import_errors"] = error

    answer = invoke("list_available_tasks", load_event("list_available_tasks", "success"))

    assert answer["statusCode"] == 200
    assert read_body(answer)["tasks"]["import_errors"] == []
