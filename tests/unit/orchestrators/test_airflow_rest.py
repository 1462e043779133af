from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from tests.contracts.orchestrator import OrchestratorContract
from tests.contracts.samples import NOW
from tests.fakes.airflow import FakeAirflow
from tests.fakes.http import FakeServer, load_sample_credentials
from tests.fakes.log import capture_log, read_log
from workflow_manager.clients.http import build_http_client
from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    MissingPermissionError,
    NotFoundError,
    ScanHubError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.orchestrator_run import RunKey, TaskInstance
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.ports import Dag
from workflow_manager.secrets import Credentials
from workflow_manager.settings import AirflowApiVersion

URL = "http://airflow:8080"
RUN = RunKey(dag_id="Jane", dag_run_id="run-1", created_at=NOW)
TASK = TaskInstance(dag_run_id="run-1", task_id="fft", state="failed", try_number=1)
LOGIN = httpx.Response(201, json={"access_token": "token-1"})


def connect(airflow: FakeAirflow) -> AirflowRestOrchestrator:
    client = build_http_client(httpx.MockTransport(airflow.handle))
    return AirflowRestOrchestrator(client, f"{URL}/", load_sample_credentials, airflow.version)


def make_failing(server: FakeServer, version: AirflowApiVersion = "v2") -> AirflowRestOrchestrator:
    return AirflowRestOrchestrator(server.client, URL, load_sample_credentials, version)


class TestAirflowRestOrchestrator(OrchestratorContract):
    @pytest.fixture(params=["v1", "v2"])
    def orchestrator(self, request: pytest.FixtureRequest) -> AirflowRestOrchestrator:
        return connect(FakeAirflow(n_dags=3, version=request.param))

    @pytest.fixture
    def dag_id(self) -> str:
        return "dag_001"


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("n_dags", [0, 1, 100, 101, 250])
def test_list_dags_reads_every_page(n_dags: int, version: AirflowApiVersion) -> None:
    airflow = FakeAirflow(n_dags, version)
    assert [dag.dag_id for dag in connect(airflow).list_dags()] == airflow.dag_ids
    urls = [str(request.url) for request in airflow.requests if request.method == "GET"]
    everything = {"v1": "only_active=false", "v2": "exclude_stale=false"}[version]
    query = f"limit=100&offset=0&order_by=dag_id&{everything}"
    assert urls[0] == f"{URL}/api/{version}/dags?{query}"
    assert len(urls) == max(1, -(-n_dags // 100))


@pytest.mark.parametrize(
    ("version", "out_of_use"), [("v1", {"is_active": False}), ("v2", {"is_stale": True})]
)
def test_list_dags_marks_paused_and_broken_dags_and_leaves_deleted_ones_out(
    version: AirflowApiVersion, out_of_use: dict[str, bool]
) -> None:
    # Given a DAG of each kind; Airflow counts a broken one among those out of use
    airflow = FakeAirflow(4, version)
    airflow.states = {
        "dag_000": {"is_paused": True},
        "dag_001": {"has_import_errors": True} | out_of_use,
        "dag_002": out_of_use,
    }
    orchestrator = connect(airflow)
    # When
    dags = orchestrator.list_dags()
    # Then
    marks = [(dag.dag_id, dag.is_paused, dag.has_import_errors) for dag in dags]
    assert marks == [
        ("dag_000", True, False),
        ("dag_001", False, True),
        ("dag_003", False, False),
    ]
    assert [orchestrator.get_dag(dag_id) for dag_id in ("dag_001", "dag_002")] == [dags[1], None]


def test_get_dag_reads_tags_and_names() -> None:
    assert connect(FakeAirflow()).get_dag("dag_000") == Dag(
        dag_id="dag_000", dag_display_name="Dag_000", tags=("mri",)
    )


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_get_dag_reads_what_the_dag_accepts(version: AirflowApiVersion) -> None:
    airflow = FakeAirflow(version=version)
    names = ["accepts:numpy", "mri", "accepts:Siemens raw"]
    airflow.states["dag_000"] = {"tags": [{"name": name, "dag_id": "dag_000"} for name in names]}
    dag = connect(airflow).get_dag("dag_000")
    assert dag is not None
    assert dag.accepts == ("numpy", "Siemens raw")


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


def test_trigger_dag_run_sends_exactly_what_airflow_2_takes() -> None:
    airflow = FakeAirflow(version="v1")
    connect(airflow).trigger_dag_run("dag_000", "run-1", {"key": "a/b", "task_id": None})
    (trigger,) = airflow.requests
    assert (trigger.method, str(trigger.url)) == ("POST", f"{URL}/api/v1/dags/dag_000/dagRuns")
    assert trigger.headers["Authorization"] == "Basic c2VydmljZTpzZWNyZXQtcGFzc3dvcmQ="
    assert trigger.content == b'{"dag_run_id":"run-1","conf":{"key":"a/b","task_id":null}}'


def created(dag_run_id: str) -> httpx.Response:
    return httpx.Response(200, json={"dag_id": "dag", "dag_run_id": dag_run_id})


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>We are back soon</html>"),
        httpx.Response(200),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"dag_run_id": None}),
        created("another"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda orchestrator: orchestrator.trigger_dag_run("dag", "run-1", {}),
        lambda orchestrator: orchestrator.has_dag_run("dag", "run-1"),
        lambda orchestrator: orchestrator.cancel_dag_run("dag", "run-1"),
    ],
)
def test_answer_that_does_not_name_the_run_is_none(
    answer: httpx.Response, call: Callable[[AirflowRestOrchestrator], object]
) -> None:
    with pytest.raises(UpstreamError):
        call(make_failing(FakeServer(LOGIN, answer)))


def test_stop_that_a_proxy_answers_is_not_confirmed() -> None:
    running = httpx.Response(200, json={"dag_id": "dag", "dag_run_id": "run-1", "state": "running"})
    server = FakeServer(LOGIN, running, httpx.Response(200, text="<html>"))
    with pytest.raises(UpstreamError):
        make_failing(server).cancel_dag_run("dag", "run-1")


@pytest.mark.parametrize("status", [401, 403])
def test_basic_credentials_are_read_again_once_when_refused(status: int) -> None:
    # Given credentials that worked and were rotated
    passwords = iter(["old", "new", "new"])

    def load() -> Credentials:
        return Credentials(username="service", password=SecretStr(next(passwords)))

    refusal = httpx.Response(status)
    server = FakeServer(created("run-1"), refusal, created("run-2"), refusal)
    orchestrator = AirflowRestOrchestrator(server.client, URL, load, "v1")
    orchestrator.trigger_dag_run("dag", "run-1", {})
    # When they are refused, Then the new ones are tried, and the same ones never twice
    orchestrator.trigger_dag_run("dag", "run-2", {})
    with pytest.raises(UpstreamRefusedError) as caught:
        orchestrator.trigger_dag_run("dag", "run-3", {})
    assert caught.value.status == status
    old, new = "Basic c2VydmljZTpvbGQ=", "Basic c2VydmljZTpuZXc="
    assert server.tokens == [old, old, new, new]


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


@pytest.mark.parametrize(
    ("status", "expected"), [(401, UpstreamRefusedError), (403, MissingPermissionError)]
)
def test_trigger_dag_run_logs_in_again_once_when_refused(
    status: int, expected: type[ScanHubError]
) -> None:
    refusal = httpx.Response(status, json={"detail": "Forbidden"})
    server = FakeServer(LOGIN, created("run-1"), refusal, LOGIN, refusal)
    orchestrator = make_failing(server)
    orchestrator.trigger_dag_run("dag", "run-1", {})
    with pytest.raises(expected):
        orchestrator.trigger_dag_run("dag", "run-2", {})
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("call", "action", "resource_type"),
    [
        (lambda orchestrator: orchestrator.list_dags(), "GET", "DAG"),
        (lambda orchestrator: orchestrator.get_dag("Jane"), "GET", "DAG"),
        (lambda orchestrator: orchestrator.has_dag_run("Jane", "run-1"), "GET", "DAG run"),
        (lambda orchestrator: orchestrator.cancel_dag_run("Jane", "run-1"), "GET", "DAG run"),
        (lambda orchestrator: orchestrator.list_dag_runs([RUN]), "POST", "DAG run"),
        (lambda orchestrator: orchestrator.list_task_instances([RUN]), "POST", "task instance"),
        (lambda orchestrator: orchestrator.find_exception_type("Jane", TASK), "GET", "task log"),
    ],
)
def test_what_our_account_may_not_do_is_told_without_ids(
    call: Callable[[AirflowRestOrchestrator], object], action: str, resource_type: str
) -> None:
    server = FakeServer(LOGIN, httpx.Response(403, json={"detail": "Forbidden"}))
    with capture_log() as log, pytest.raises(MissingPermissionError):
        call(make_failing(server))
    [line] = read_log(log)
    told = {name: line[name] for name in ("message", "service", "action", "resource_type")}
    assert told == {
        "message": "missing permission",
        "service": "Airflow",
        "action": action,
        "resource_type": resource_type,
    }
    assert "Jane" not in log.getvalue()


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
        (httpx.Response(409, json={"detail": "conf"}), ConflictError),
        (httpx.Response(404, json={"detail": "conf"}), NotFoundError),
        (httpx.Response(400, json={"detail": "conf"}), InvalidInputError),
        (httpx.Response(422, json={"detail": "conf"}), InvalidInputError),
        # What is not in Airflow's form is no word of it: the run stays to be started.
        (httpx.Response(409, text="conf"), UpstreamRefusedError),
        (httpx.Response(404, text="conf"), UpstreamRefusedError),
        (httpx.Response(400, text="conf"), UpstreamRefusedError),
        (httpx.Response(422, json=["conf"]), UpstreamRefusedError),
        (httpx.Response(403, text="conf"), UpstreamRefusedError),
        (httpx.Response(500, text="conf"), UpstreamRefusedError),
        (httpx.Response(503, text="conf"), UpstreamRefusedError),
        (httpx.Response(302, headers={"Location": "/login"}), UpstreamRefusedError),
        (httpx.ConnectError("refused"), UpstreamUnreachableError),
        (httpx.ReadTimeout("slow"), UpstreamTimeoutError),
        (httpx.ReadError("dropped"), UpstreamError),
    ],
)
@pytest.mark.parametrize(("version", "logins"), [("v1", []), ("v2", [LOGIN])])
def test_trigger_dag_run_maps_failures_and_never_repeats(
    answer: httpx.Response | Exception,
    expected: type[ScanHubError],
    version: AirflowApiVersion,
    logins: list[httpx.Response],
) -> None:
    server = FakeServer(*logins, answer)
    with pytest.raises(ScanHubError) as caught:
        make_failing(server, version).trigger_dag_run("dag", "run-1", {})
    assert type(caught.value) is expected
    assert "conf" not in caught.value.detail
    assert len(server.requests) == len(logins) + 1


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize(
    "text", ["", "<html>", "null", "[]", '"dag"', "[" * 100_000, '{"a":' * 100_000, "9" * 10_000]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda orchestrator: orchestrator.list_dags(),
        lambda orchestrator: orchestrator.get_dag("dag"),
        lambda orchestrator: orchestrator.has_dag_run("dag", "run-1"),
        lambda orchestrator: orchestrator.list_dag_runs([RUN]),
        lambda orchestrator: orchestrator.list_task_instances([RUN]),
        lambda orchestrator: orchestrator.cancel_dag_run("dag", "run-1"),
        lambda orchestrator: orchestrator.check_health(),
    ],
)
def test_call_raises_when_the_answer_is_none_of_airflow(
    call: Callable[[AirflowRestOrchestrator], object], status: int, text: str
) -> None:
    with pytest.raises(UpstreamError):
        call(make_failing(FakeServer(LOGIN, httpx.Response(status, text=text))))


def test_reads_are_repeated_once_when_the_failure_may_pass() -> None:
    server = FakeServer(LOGIN, httpx.Response(503), httpx.Response(404, json={}))
    assert make_failing(server).get_dag("dag") is None
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "call",
    [
        lambda orchestrator: orchestrator.list_dags(),
        lambda orchestrator: orchestrator.check_health(),
    ],
)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_reads_of_everything_are_refused_with_airflows_status(
    call: Callable[[AirflowRestOrchestrator], object], status: int
) -> None:
    with pytest.raises(UpstreamRefusedError) as caught:
        call(make_failing(FakeServer(LOGIN, httpx.Response(status, text="<html>"))))
    assert caught.value.status == status


@pytest.mark.parametrize("component", ["metadatabase", "scheduler"])
@pytest.mark.parametrize("status", ["unhealthy", None])
def test_check_health_raises_when_a_component_is_down(component: str, status: str | None) -> None:
    airflow = FakeAirflow()
    airflow.health |= {component: {"status": status}}  # type: ignore[dict-item]
    with pytest.raises(UpstreamError):
        connect(airflow).check_health()
