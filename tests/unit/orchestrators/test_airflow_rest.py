from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from tests.contracts.orchestrator import OrchestratorContract
from tests.fakes.airflow import FakeAirflow
from tests.fakes.http import FakeServer, load_sample_credentials
from workflow_manager.clients.http import build_http_client
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ScanHubError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.ports import Dag
from workflow_manager.secrets import Credentials

URL = "http://airflow:8080"
LOGIN = httpx.Response(201, json={"access_token": "token-1"})


def connect(airflow: FakeAirflow) -> AirflowRestOrchestrator:
    client = build_http_client(httpx.MockTransport(airflow.handle))
    return AirflowRestOrchestrator(client, f"{URL}/", load_sample_credentials)


def make_failing(server: FakeServer) -> AirflowRestOrchestrator:
    return AirflowRestOrchestrator(server.client, URL, load_sample_credentials)


class TestAirflowRestOrchestrator(OrchestratorContract):
    @pytest.fixture
    def orchestrator(self) -> AirflowRestOrchestrator:
        return connect(FakeAirflow(n_dags=3))

    @pytest.fixture
    def dag_id(self) -> str:
        return "dag_001"


@pytest.mark.parametrize("n_dags", [0, 1, 100, 101, 250])
def test_list_dags_reads_every_page(n_dags: int) -> None:
    airflow = FakeAirflow(n_dags)
    assert [dag.dag_id for dag in connect(airflow).list_dags()] == airflow.dag_ids
    urls = [str(request.url) for request in airflow.requests if request.method == "GET"]
    assert urls[0] == f"{URL}/api/v2/dags?limit=100&offset=0&order_by=dag_id"
    assert len(urls) == max(1, -(-n_dags // 100))


def test_get_dag_reads_tags_and_names() -> None:
    assert connect(FakeAirflow()).get_dag("dag_000") == Dag(
        dag_id="dag_000", dag_display_name="Dag_000", tags=("mri",)
    )


def test_trigger_dag_run_sends_exactly_what_airflow_3_takes() -> None:
    airflow = FakeAirflow()
    connect(airflow).trigger_dag_run("dag_000", "run-1", {"key": "a/b", "task_id": None})
    login, trigger = airflow.requests
    assert (login.method, str(login.url)) == ("POST", f"{URL}/auth/token")
    assert login.content == b'{"username":"service","password":"secret-password"}'
    assert (trigger.method, str(trigger.url)) == ("POST", f"{URL}/api/v2/dags/dag_000/dagRuns")
    assert trigger.headers["Authorization"] == "Bearer token-1"
    assert trigger.content == (
        b'{"dag_run_id":"run-1","logical_date":null,"conf":{"key":"a/b","task_id":null}}'
    )


def test_ids_stay_in_their_segment_of_the_path() -> None:
    airflow = FakeAirflow()
    connect(airflow).has_dag_run("../x", "a/b")
    assert str(airflow.requests[-1].url) == f"{URL}/api/v2/dags/..%2Fx/dagRuns/a%2Fb"


def test_calls_share_one_login_until_the_token_runs_out() -> None:
    airflow = FakeAirflow()
    orchestrator = connect(airflow)
    orchestrator.list_dags()
    orchestrator.list_dags()
    assert airflow.n_logins == 1
    airflow.expire_token()
    orchestrator.trigger_dag_run("dag_000", "run-1", {})
    assert airflow.n_logins == 2
    assert list(airflow.runs) == [("dag_000", "run-1")]


@pytest.mark.parametrize("status", [401, 403])
def test_trigger_dag_run_logs_in_again_once_when_refused(status: int) -> None:
    refusal = httpx.Response(status)
    server = FakeServer(LOGIN, httpx.Response(200), refusal, LOGIN, refusal)
    orchestrator = make_failing(server)
    orchestrator.trigger_dag_run("dag", "run-1", {})
    with pytest.raises(UpstreamRefusedError) as caught:
        orchestrator.trigger_dag_run("dag", "run-2", {})
    assert caught.value.status == status
    assert len(server.requests) == 5


def test_wrong_credentials_are_refused_without_being_repeated() -> None:
    def load_wrong_credentials() -> Credentials:
        return Credentials(username="service", password=SecretStr("wrong"))

    client = build_http_client(httpx.MockTransport(FakeAirflow().handle))
    with pytest.raises(UpstreamRefusedError) as caught:
        AirflowRestOrchestrator(client, URL, load_wrong_credentials).list_dags()
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(409, text="conf"), ConflictError),
        (httpx.Response(404, text="conf"), NotFoundError),
        (httpx.Response(400, text="conf"), InvalidInputError),
        (httpx.Response(422, text="conf"), InvalidInputError),
        (httpx.Response(500, text="conf"), UpstreamRefusedError),
        (httpx.Response(503, text="conf"), UpstreamRefusedError),
        (httpx.Response(302, headers={"Location": "/login"}), UpstreamRefusedError),
        (httpx.ConnectError("refused"), UpstreamUnreachableError),
        (httpx.ReadTimeout("slow"), UpstreamTimeoutError),
        (httpx.ReadError("dropped"), UpstreamError),
    ],
)
def test_trigger_dag_run_maps_failures_and_never_repeats(
    answer: httpx.Response | Exception, expected: type[ScanHubError]
) -> None:
    server = FakeServer(LOGIN, answer)
    with pytest.raises(ScanHubError) as caught:
        make_failing(server).trigger_dag_run("dag", "run-1", {})
    assert type(caught.value) is expected
    assert "conf" not in caught.value.detail
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda orchestrator: orchestrator.list_dags(),
        lambda orchestrator: orchestrator.get_dag("dag"),
        lambda orchestrator: orchestrator.check_health(),
    ],
)
def test_reads_raise_when_the_answer_is_garbage(
    call: Callable[[AirflowRestOrchestrator], object],
) -> None:
    with pytest.raises(UpstreamError):
        call(make_failing(FakeServer(LOGIN, httpx.Response(200, text="<html>"))))


def test_reads_are_repeated_once_when_the_failure_may_pass() -> None:
    server = FakeServer(LOGIN, httpx.Response(503), httpx.Response(404))
    assert make_failing(server).get_dag("dag") is None
    assert len(server.requests) == 3


@pytest.mark.parametrize("component", ["metadatabase", "scheduler"])
@pytest.mark.parametrize("status", ["unhealthy", None])
def test_check_health_raises_when_a_component_is_down(component: str, status: str | None) -> None:
    airflow = FakeAirflow()
    airflow.health |= {component: {"status": status}}  # type: ignore[dict-item]
    with pytest.raises(UpstreamError):
        connect(airflow).check_health()
