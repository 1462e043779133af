import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.errors import (
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.ports import Dag


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
