"""Lists of runs and tasks, cancels and links: what is sent to Airflow 3 and 2, and read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.fakes.airflow import FakeAirflow
from tests.fakes.http import FakeServer, load_sample_credentials
from workflow_manager.clients.http import build_http_client
from workflow_manager.domain.errors import (
    InvalidInputError,
    NotFoundError,
    UpstreamError,
    UpstreamRefusedError,
)
from workflow_manager.domain.orchestrator_run import OrchestratorRunState, RunKey, TaskInstance
from workflow_manager.orchestrators import run_lists
from workflow_manager.orchestrators.airflow_api import DagRunDocument
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.orchestrators.pace import Pace
from workflow_manager.settings import AirflowApiVersion

URL = "http://airflow:8080"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
END = {"state": "success", "end_date": NOW.isoformat()}


def make_key(dag_id: str, dag_run_id: str, created_at: datetime = NOW) -> RunKey:
    return RunKey(dag_id=dag_id, dag_run_id=dag_run_id, created_at=created_at)


def connect(airflow: FakeAirflow, pace: Pace | None = None) -> AirflowRestOrchestrator:
    client = build_http_client(httpx.MockTransport(airflow.handle))
    return AirflowRestOrchestrator(client, URL, load_sample_credentials, airflow.version, pace)


def answer_with(*contents: Any) -> tuple[AirflowRestOrchestrator, FakeServer]:
    server = FakeServer(*(httpx.Response(200, json=content) for content in contents))
    return AirflowRestOrchestrator(server.client, URL, load_sample_credentials, "v1"), server


def trigger_runs(
    airflow: FakeAirflow, n_runs: int, dag_id: str = "dag_000", prefix: str = "run"
) -> list[RunKey]:
    orchestrator = connect(airflow)
    keys = [make_key(dag_id, f"{prefix}-{n:03}", datetime.now(UTC)) for n in range(n_runs)]
    for key in keys:
        orchestrator.trigger_dag_run(dag_id, key.dag_run_id, {})
    airflow.requests.clear()
    return keys


def read_lists(airflow: FakeAirflow) -> list[dict[str, Any]]:
    requests = [request for request in airflow.requests if request.url.path.endswith("/list")]
    return [json.loads(request.content) for request in requests]


def count_requests(airflow: FakeAirflow) -> int:
    """Return how many requests there were beside logins."""
    return sum(not request.url.path.endswith("/token") for request in airflow.requests)


def test_lists_of_nothing_send_nothing() -> None:
    airflow = FakeAirflow()
    assert connect(airflow).list_dag_runs([]) == []
    assert connect(airflow).list_task_instances([]) == []
    assert airflow.requests == []


@pytest.mark.parametrize(("version", "date"), [("v1", "execution_date"), ("v2", "run_after")])
def test_list_dag_runs_asks_for_the_time_of_the_runs_and_then_by_their_ids(
    version: AirflowApiVersion, date: str
) -> None:
    airflow = FakeAirflow(version=version)
    started = make_key("b", "run-1", NOW).model_copy(update={"started_at": NOW + 2 * HOUR})
    runs = [make_key("a", "run-2", NOW + HOUR), started]
    assert connect(airflow).list_dag_runs(runs) == []
    page = {"page_limit": 100, "page_offset": 0}
    assert read_lists(airflow) == [
        {
            "dag_ids": ["a", "b"],
            "states": ["queued", "running"],
            "order_by": "id",
            f"{date}_gte": "2026-11-24T11:55:00+00:00",
            f"{date}_lte": "2026-11-24T14:05:00+00:00",
            **page,
        },
        {"dag_ids": ["a", "b"], "dag_run_ids": ["run-1", "run-2"], **page},
    ]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_list_dag_runs_asks_in_batches(version: AirflowApiVersion) -> None:
    airflow = FakeAirflow(version=version)
    keys = trigger_runs(airflow, 120)
    runs = connect(airflow).list_dag_runs(list(reversed(keys)))
    assert [run.dag_run_id for run in runs] == [key.dag_run_id for key in keys]
    assert [body["page_offset"] for body in read_lists(airflow)] == [0, 0, 100]


def test_list_dag_runs_reads_on_until_all_are_found() -> None:
    airflow = FakeAirflow()
    keys = trigger_runs(airflow, 250)
    assert len(connect(airflow).list_dag_runs([keys[10], keys[110]])) == 2
    assert [body["page_offset"] for body in read_lists(airflow)] == [0, 100]


@pytest.mark.parametrize("n_ended", [0, 700])
def test_list_dag_runs_costs_the_same_however_many_have_ended_beside(n_ended: int) -> None:
    airflow = FakeAirflow()
    for key in trigger_runs(airflow, n_ended):
        airflow.run_states["dag_000", key.dag_run_id] = END
    keys = trigger_runs(airflow, 30, prefix="active")
    assert len(connect(airflow).list_dag_runs(keys)) == 30
    assert count_requests(airflow) == 1


@pytest.mark.parametrize(("n_lost", "n_requests"), [(1, 3), (5, 7), (6, 3), (100, 3)])
def test_list_dag_runs_finds_those_whose_end_nobody_told(n_lost: int, n_requests: int) -> None:
    airflow = FakeAirflow()
    keys = trigger_runs(airflow, 100)
    for key in keys[:n_lost]:
        airflow.run_states["dag_000", key.dag_run_id] = END
    found = {run.dag_run_id: run.state for run in connect(airflow).list_dag_runs(keys)}
    ended = dict.fromkeys((key.dag_run_id for key in keys[:n_lost]), OrchestratorRunState.SUCCESS)
    assert found == dict.fromkeys(found, OrchestratorRunState.QUEUED) | ended
    assert len(found) == 100
    assert count_requests(airflow) == n_requests


def test_list_dag_runs_finds_the_end_of_a_run_whose_tasks_never_ended() -> None:
    airflow = FakeAirflow()
    [key] = trigger_runs(airflow, 1)
    # As Airflow leaves a run that is deadlocked.
    airflow.run_states["dag_000", key.dag_run_id] = END | {"state": "failed"}
    airflow.task_states["dag_000", key.dag_run_id] = {"state": None}
    [run] = connect(airflow).list_dag_runs([key])
    assert run.state is OrchestratorRunState.FAILED


def test_list_dag_runs_finds_the_end_of_a_run_that_has_no_tasks() -> None:
    airflow = FakeAirflow()
    airflow.n_tasks = 0
    [key] = trigger_runs(airflow, 1)
    airflow.run_states["dag_000", key.dag_run_id] = END
    assert connect(airflow).list_dag_runs([key]) == []
    [run] = connect(airflow).list_dag_runs([key.model_copy(update={"started_at": NOW})])
    assert run.state is OrchestratorRunState.SUCCESS


@pytest.mark.parametrize("state", ["running", "success"])
def test_list_dag_runs_finds_a_run_behind_a_crowd(
    state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lists, "MAX_N_RUN_PAGES", 2)
    airflow = FakeAirflow()
    keys = trigger_runs(airflow, 350)
    airflow.run_states["dag_000", "run-349"] = END | {"state": state}
    [run] = connect(airflow).list_dag_runs([keys[349]])
    assert run.state == state
    assert count_requests(airflow) == 4


def test_list_dag_runs_leaves_none_out_of_a_page_that_a_crowd_hides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_lists, "MAX_N_RUN_PAGES", 2)
    airflow = FakeAirflow()
    keys = trigger_runs(airflow, 300)[200:]
    found = connect(airflow).list_dag_runs(keys)
    assert {run.dag_run_id for run in found} == {key.dag_run_id for key in keys}
    assert count_requests(airflow) == 3 + run_lists.MAX_N_ALONE


def test_lists_tell_runs_of_one_id_in_two_dags_apart() -> None:
    airflow = FakeAirflow(n_dags=2)
    trigger_runs(airflow, 2, "dag_000")
    trigger_runs(airflow, 2, "dag_001")
    airflow.run_states["dag_001", "run-001"] = {"state": "running"}
    now = datetime.now(UTC)
    asked = [make_key("dag_000", "run-000", now), make_key("dag_001", "run-001", now)]
    orchestrator = connect(airflow)
    runs = [(run.dag_id, run.dag_run_id, run.state) for run in orchestrator.list_dag_runs(asked)]
    assert runs == [("dag_000", "run-000", "queued"), ("dag_001", "run-001", "running")]
    tasks = orchestrator.list_task_instances(asked)
    assert [task.dag_run_id for task in tasks] == ["run-000", "run-001"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("queued", OrchestratorRunState.QUEUED),
        ("success", OrchestratorRunState.SUCCESS),
        ("failed", OrchestratorRunState.FAILED),
        ("hibernating", OrchestratorRunState.RUNNING),
        (None, OrchestratorRunState.RUNNING),
    ],
)
def test_list_dag_runs_takes_unknown_states_for_running(
    state: str | None, expected: OrchestratorRunState
) -> None:
    airflow = FakeAirflow()
    keys = trigger_runs(airflow, 1)
    airflow.run_states["dag_000", "run-000"] = {"state": state}
    [run] = connect(airflow).list_dag_runs(keys)
    assert run.state is expected


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_list_task_instances_reads_every_page(version: AirflowApiVersion) -> None:
    airflow = FakeAirflow(version=version)
    airflow.n_tasks = 60
    keys = trigger_runs(airflow, 4)
    tasks = connect(airflow).list_task_instances(keys)
    assert len({(task.dag_run_id, task.task_id) for task in tasks}) == 240
    bodies = read_lists(airflow)
    assert [body["page_offset"] for body in bodies] == [0, 100, 200]
    assert bodies[0] == {
        "dag_ids": ["dag_000"],
        "dag_run_ids": [key.dag_run_id for key in keys],
        "page_limit": 100,
        "page_offset": 0,
    }


def test_list_task_instances_reads_states_that_are_not_known() -> None:
    document = {
        "dag_id": "dag",
        "dag_run_id": "run",
        "task_id": "fetch",
        "state": "hibernating",
        "start_date": "2026-11-24T12:00:00Z",
        "end_date": None,
        "try_number": 2,
    }
    orchestrator, _ = answer_with({"task_instances": [document], "total_entries": 1})
    [task] = orchestrator.list_task_instances([make_key("dag", "run")])
    assert task == TaskInstance(
        dag_run_id="run", task_id="fetch", state="hibernating", started_at=NOW, try_number=2
    )
    assert not task.is_done


@pytest.mark.parametrize("state", ["success", "failed", "upstream_failed", "skipped", "removed"])
def test_task_instance_is_done_when_nothing_more_will_happen(state: str) -> None:
    assert TaskInstance(dag_run_id="run", task_id="fetch", state=state).is_done


@pytest.mark.parametrize("state", [None, "queued", "running", "up_for_retry", "deferred"])
def test_task_instance_is_not_done_while_it_may_run(state: str | None) -> None:
    assert not TaskInstance(dag_run_id="run", task_id="fetch", state=state).is_done


@pytest.mark.parametrize("content", [None, {}, {"dag_runs": [{}], "total_entries": 1}])
def test_list_dag_runs_raises_when_the_answer_is_garbage(content: Any) -> None:
    orchestrator, _ = answer_with(content)
    with pytest.raises(UpstreamError):
        orchestrator.list_dag_runs([make_key("dag", "run")])


@pytest.mark.parametrize("status", [400, 404, 422, 500])
def test_lists_are_refused_with_airflows_status(status: int) -> None:
    server = FakeServer(httpx.Response(status), httpx.Response(status))
    orchestrator = AirflowRestOrchestrator(server.client, URL, load_sample_credentials, "v1")
    for read in (orchestrator.list_dag_runs, orchestrator.list_task_instances):
        with pytest.raises(UpstreamRefusedError) as caught:
            read([make_key("dag", "run")])
        assert caught.value.status == status


@pytest.mark.parametrize(("version", "known"), [("v2", "3"), ("v1", None)])
def test_trigger_and_list_tell_the_version_of_the_dag_where_airflow_counts_it(
    version: AirflowApiVersion, known: str | None
) -> None:
    airflow = FakeAirflow(version=version)
    orchestrator = connect(airflow)
    assert orchestrator.trigger_dag_run("dag_000", "run-1", {}) == known
    [run] = orchestrator.list_dag_runs([make_key("dag_000", "run-1", datetime.now(UTC))])
    assert run.dag_version == known


def test_version_is_that_of_the_last_change_with_its_bundles() -> None:
    versions = [
        {"version_number": 1, "bundle_version": "1a2b"},
        {"version_number": 2, "bundle_version": "3c4d"},
    ]
    document = DagRunDocument(dag_id="a", dag_run_id="b", dag_versions=versions)  # type: ignore[arg-type]
    assert document.dag_version == "2+3c4d"


# As Airflow 3.3 writes an exception, text and local variables beside its type.
FAILURE = {
    "event": "Task failed with exception",
    "level": "error",
    "error_detail": [
        {"exc_type": "KeyError", "exc_value": "'Anna Muster'", "frames": [], "is_cause": False},
        {"exc_type": "ValueError", "exc_value": "the cause", "frames": [], "is_cause": True},
    ],
}


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ([{"event": "begun"}, FAILURE, {"event": "ended"}], "KeyError"),
        ([{"event": "begun"}], None),
        (["Traceback (most recent call last):", "KeyError: 'Anna Muster'"], None),
        ([FAILURE | {"error_detail": [{"exc_type": "Anna Muster, born 1985"}]}], None),
        ([FAILURE | {"error_detail": []}, FAILURE | {"error_detail": None}], None),
        (None, None),
    ],
)
def test_exceptions_type_is_read_from_the_log_and_never_its_text(
    log: list[Any] | None, found: str | None
) -> None:
    airflow = FakeAirflow()
    airflow.logs["fft"] = log
    task = TaskInstance(dag_run_id="run-1", task_id="fft", state="failed", try_number=2)
    assert connect(airflow).find_exception_type("dag_000", task) == found
    request = airflow.requests[-1]
    path = "/api/v2/dags/dag_000/dagRuns/run-1/taskInstances/fft/logs/2"
    assert (request.url.path, request.url.query) == (path, b"map_index=-1")


def test_log_of_airflow_2_is_not_read() -> None:
    airflow = FakeAirflow(version="v1")
    task = TaskInstance(dag_run_id="run-1", task_id="fft", state="failed", try_number=1)
    assert connect(airflow).find_exception_type("dag_000", task) is None
    assert airflow.requests == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_cancel_dag_run_sends_the_state_alone(version: AirflowApiVersion) -> None:
    airflow = FakeAirflow(version=version)
    trigger_runs(airflow, 1)
    connect(airflow).cancel_dag_run("dag_000", "run-000")
    patch = airflow.requests[-1]
    path = f"{URL}/api/{version}/dags/dag_000/dagRuns/run-000"
    assert (patch.method, str(patch.url), patch.content) == ("PATCH", path, b'{"state":"failed"}')


@pytest.mark.parametrize("state", ["success", "failed"])
def test_cancel_dag_run_leaves_an_ended_run_as_it_is(state: str) -> None:
    airflow = FakeAirflow()
    trigger_runs(airflow, 1)
    airflow.run_states["dag_000", "run-000"] = {"state": state}
    connect(airflow).cancel_dag_run("dag_000", "run-000")
    assert [request.method for request in airflow.requests][-1] == "GET"


def test_cancel_dag_run_is_not_surprised_when_the_run_goes_meanwhile() -> None:
    running = httpx.Response(200, json={"dag_id": "d", "dag_run_id": "r", "state": "running"})
    server = FakeServer(running, httpx.Response(404, json={}))
    orchestrator = AirflowRestOrchestrator(server.client, URL, load_sample_credentials, "v1")
    with pytest.raises(NotFoundError, match="run r of d"):
        orchestrator.cancel_dag_run("d", "r")


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 500])
def test_cancel_dag_run_counts_any_other_refusal_as_a_failure_of_airflow(status: int) -> None:
    running = httpx.Response(200, json={"dag_id": "d", "dag_run_id": "r", "state": "running"})
    server = FakeServer(running, *[httpx.Response(status)] * 2)
    orchestrator = AirflowRestOrchestrator(server.client, URL, load_sample_credentials, "v1")
    with pytest.raises(UpstreamRefusedError):
        orchestrator.cancel_dag_run("d", "r")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v1", f"{URL}/dags/a%2Fb/grid?dag_run_id=c%26d"),
        ("v2", f"{URL}/dags/a%2Fb/runs/c%26d"),
    ],
)
def test_dag_run_url_quotes_the_ids(version: AirflowApiVersion, expected: str) -> None:
    assert connect(FakeAirflow(version=version)).dag_run_url("a/b", "c&d") == expected


def test_run_key_needs_a_time_zone() -> None:
    with pytest.raises(ValueError, match="timezone"):
        make_key("dag", "run", datetime(2026, 11, 24))


def test_requests_keep_the_pace() -> None:
    naps_s: list[float] = []
    airflow = FakeAirflow(n_dags=250, version="v1")
    connect(airflow, Pace(0.1, lambda: 0.0, naps_s.append)).list_dags()
    assert len(airflow.requests) == 3
    assert naps_s == [0.1, 0.1]


def test_mwaas_limit_is_no_limit_by_url() -> None:
    airflow = FakeAirflow()
    with pytest.raises(NotFoundError):
        connect(airflow).cancel_dag_run("d" * 100, "run")
    with pytest.raises(InvalidInputError):
        connect(airflow).cancel_dag_run("dag_000", "..")
