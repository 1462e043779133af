"""The MWAA adapter with the real boto3 client, over a served facade in front of fake Airflows."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from botocore.exceptions import ReadTimeoutError as BotoReadTimeoutError

from tests.contracts.orchestrator import Lasting, OrchestratorContract
from tests.fakes.airflow import BASIC, TASK_INSTANCES, FakeAirflow
from tests.fakes.mwaa import ENVIRONMENT, connect_mwaa, serve_mwaa
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
from workflow_manager.domain.orchestrator_run import TaskInstance
from workflow_manager.orchestrators import mwaa
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator, build_mwaa_client
from workflow_manager.orchestrators.pace import Pace
from workflow_manager.settings import AirflowApiVersion

Connect = Callable[..., MwaaOrchestrator]
Handler = Callable[[httpx.Request], httpx.Response]
LONG_DAG_ID = "d" * 50
TOO_LONG_DAG_ID = "d" * 51


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mwaa, "RETRY_PAUSE_S", 0)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Return a way to the adapter in front of what serves Airflow's requests."""
    with ExitStack() as opened:

        def make(
            handle: Handler, version: AirflowApiVersion = "v2", name: str = ENVIRONMENT
        ) -> MwaaOrchestrator:
            airflow = httpx.Client(
                base_url=f"http://airflow/api/{version}", transport=httpx.MockTransport(handle)
            )
            url = opened.enter_context(serve_mwaa(opened.enter_context(airflow)))
            client = opened.enter_context(connect_mwaa(url))
            return MwaaOrchestrator(client, name, version)

        yield make


def log_in(airflow: FakeAirflow) -> Handler:
    """Return the requests' way to an Airflow on which MWAA has logged us in."""
    authorization = BASIC if airflow.version == "v1" else f"Bearer {airflow.token}"

    def handle(request: httpx.Request) -> httpx.Response:
        request.headers["Authorization"] = authorization
        return airflow.handle(request)

    return handle


class Failing:
    """A client of boto3 that raises in turn, the last one for ever."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.n_calls = 0

    def invoke_rest_api(self, **_: Any) -> Any:
        self.n_calls += 1
        raise self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]


def make_client_error(code: str, status: int, **content: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "conf"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **content,
    }
    return ClientError(response, "InvokeRestApi")


class TestMwaaOrchestrator(OrchestratorContract):
    @pytest.fixture(params=["v1", "v2"])
    def airflow(self, request: pytest.FixtureRequest) -> FakeAirflow:
        airflow = FakeAirflow(n_dags=3, version=request.param)
        airflow.dag_ids = ["a", LONG_DAG_ID]
        return airflow

    @pytest.fixture
    def orchestrator(self, airflow: FakeAirflow, connect: Connect) -> MwaaOrchestrator:
        return connect(log_in(airflow), airflow.version)

    @pytest.fixture(params=["a", LONG_DAG_ID])
    def dag_id(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def lasting(self) -> Lasting:
        return Lasting("a")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_list_dags_reads_every_page_and_marks_broken_dags(
    version: AirflowApiVersion, connect: Connect
) -> None:
    airflow = FakeAirflow(250, version)
    gone = {"is_stale": True} if version == "v2" else {"is_active": False}
    airflow.states = {"dag_001": {"has_import_errors": True} | gone}
    dags = connect(log_in(airflow), version).list_dags()
    assert [dag.dag_id for dag in dags] == airflow.dag_ids
    assert [dag.dag_id for dag in dags if dag.has_import_errors] == ["dag_001"]
    assert len(airflow.requests) == 3


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("v1", b'{"dag_run_id":"run-1","conf":{"task_id":null}}'),
        ("v2", b'{"dag_run_id":"run-1","logical_date":null,"conf":{"task_id":null}}'),
    ],
)
def test_trigger_dag_run_keeps_null_on_its_way(
    version: AirflowApiVersion, body: bytes, connect: Connect
) -> None:
    airflow = FakeAirflow(version=version)
    connect(log_in(airflow), version).trigger_dag_run("dag_000", "run-1", {"task_id": None})
    assert airflow.requests[-1].content == body


def test_has_dag_run_asks_by_body_when_the_path_is_too_long(connect: Connect) -> None:
    airflow = FakeAirflow()
    orchestrator = connect(log_in(airflow))
    assert not orchestrator.has_dag_run("dag_000", "r" * 42)
    assert not orchestrator.has_dag_run("dag_000", "r" * 43)
    paths = [request.url.path.removeprefix("/api/v2") for request in airflow.requests]
    assert paths == [f"/dags/dag_000/dagRuns/{'r' * 42}", TASK_INSTANCES]


@pytest.mark.parametrize(
    "call",
    [
        lambda orchestrator: orchestrator.get_dag(TOO_LONG_DAG_ID),
        lambda orchestrator: orchestrator.trigger_dag_run(TOO_LONG_DAG_ID, "run", {}),
    ],
)
def test_dag_ids_that_mwaa_cannot_carry_are_refused(
    call: Callable[[MwaaOrchestrator], object], connect: Connect
) -> None:
    airflow = FakeAirflow()
    with pytest.raises(InvalidInputError, match="too long"):
        call(connect(log_in(airflow)))
    assert airflow.requests == []


def test_cancel_dag_run_refuses_ids_that_mwaa_cannot_carry(connect: Connect) -> None:
    airflow = FakeAirflow()
    orchestrator = connect(log_in(airflow))
    orchestrator.trigger_dag_run("dag_000", "r" * 42, {})
    orchestrator.cancel_dag_run("dag_000", "r" * 42)
    n_requests = len(airflow.requests)
    with pytest.raises(InvalidInputError, match="too long for this Airflow"):
        orchestrator.cancel_dag_run("dag_000", "r" * 43)
    assert len(airflow.requests) == n_requests


def test_log_that_mwaas_path_cannot_name_is_not_read(connect: Connect) -> None:
    task = TaskInstance(dag_run_id="4mz3qk2yx7w5t6r2a3bc", task_id="fft", try_number=1)
    assert connect(FakeAirflow()).find_exception_type("dag_000", task) is None


def test_dag_run_url_is_unknown(connect: Connect) -> None:
    assert connect(log_in(FakeAirflow())).dag_run_url("dag_000", "run-1") is None


def test_requests_keep_the_pace() -> None:
    naps_s: list[float] = []
    client = Failing(make_client_error("ValidationException", 400))
    pace = Pace(0.1, lambda: 0.0, naps_s.append)
    orchestrator = MwaaOrchestrator(client, ENVIRONMENT, "v2", pace)
    for _ in range(3):
        with pytest.raises(UpstreamRefusedError):
            orchestrator.get_dag("dag")
    assert naps_s == [0.1, 0.1]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(409, json={"detail": "conf"}), ConflictError),
        (httpx.Response(404, json={"detail": "conf"}), NotFoundError),
        (httpx.Response(400, json={"detail": "conf"}), InvalidInputError),
        (httpx.Response(422, json={"detail": ["conf"]}), InvalidInputError),
        (httpx.Response(403, json={"detail": "conf"}), MissingPermissionError),
        (httpx.Response(500, text="<html>conf"), UpstreamRefusedError),
        (httpx.Response(503, text="conf"), UpstreamRefusedError),
    ],
)
def test_trigger_dag_run_maps_airflows_failures_and_never_repeats(
    answer: httpx.Response, expected: type[ScanHubError], connect: Connect
) -> None:
    requests: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return answer

    with pytest.raises(ScanHubError) as caught:
        connect(handle).trigger_dag_run("dag", "run-1", {})
    assert type(caught.value) is expected
    assert "conf" not in caught.value.detail
    assert len(requests) == 1


def test_a_missing_environment_is_not_taken_for_a_missing_dag(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(UpstreamRefusedError) as caught:
        connect(log_in(FakeAirflow()), name="another").get_dag("dag_000")
    assert caught.value.status == httpx.codes.NOT_FOUND
    assert "ResourceNotFoundException" in caplog.text


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (make_client_error("ThrottlingException", 429), UpstreamRefusedError),
        (make_client_error("RestApiServerException", 400), UpstreamRefusedError),
        (MissingPermissionError(), MissingPermissionError),
        (EndpointConnectionError(endpoint_url="https://mwaa"), UpstreamUnreachableError),
        (BotoReadTimeoutError(endpoint_url="https://mwaa"), UpstreamTimeoutError),
        (ConnectionClosedError(endpoint_url="https://mwaa"), UpstreamError),
    ],
)
def test_trigger_dag_run_maps_mwaas_failures_and_never_repeats(
    error: Exception, expected: type[UpstreamError]
) -> None:
    client = Failing(error)
    with pytest.raises(UpstreamError) as caught:
        MwaaOrchestrator(client, ENVIRONMENT).trigger_dag_run("dag", "run", {})
    assert type(caught.value) is expected
    assert "conf" not in caught.value.detail
    assert client.n_calls == 1


@pytest.mark.parametrize(
    "error",
    [
        make_client_error("ThrottlingException", 429),
        make_client_error("InternalServerException", 500),
        make_client_error("RestApiServerException", 400, RestApiStatusCode=503),
        EndpointConnectionError(endpoint_url="https://mwaa"),
        ConnectionClosedError(endpoint_url="https://mwaa"),
    ],
)
def test_reads_are_repeated_once_when_the_failure_may_pass(error: Exception) -> None:
    missing = make_client_error(
        "RestApiClientException", 400, RestApiStatusCode=404, RestApiResponse={}
    )
    client = Failing(error, missing)
    assert MwaaOrchestrator(client, ENVIRONMENT).get_dag("dag") is None
    assert client.n_calls == 2


@pytest.mark.parametrize(
    "error",
    [
        MissingPermissionError(),
        make_client_error("ValidationException", 400),
        make_client_error("RestApiServerException", 400, RestApiStatusCode=403),
        make_client_error("RestApiServerException", 400, RestApiStatusCode=500),
        BotoReadTimeoutError(endpoint_url="https://mwaa"),
    ],
)
def test_reads_are_not_repeated_when_the_failure_stays(error: Exception) -> None:
    client = Failing(error)
    with pytest.raises(UpstreamError):
        MwaaOrchestrator(client, ENVIRONMENT).get_dag("dag")
    assert client.n_calls == 1


def test_check_health_raises_when_the_answer_is_garbage(connect: Connect) -> None:
    with pytest.raises(UpstreamError):
        connect(lambda _: httpx.Response(200, text="<html>")).check_health()


@pytest.mark.parametrize(("endpoint", "expected"), [("", True), ("http://127.0.0.1:18091", False)])
def test_build_mwaa_client_prefixes_the_host_in_aws_only(
    endpoint: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = build_mwaa_client()
    assert client.meta.config.inject_host_prefix is expected
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.read_timeout >= 10
    client.close()
