"""The real ports, each built when first used; what they stand on is kept for the warm function.

Imports are local: a function loads only what it uses, and importing this needs no environment.
"""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from inspect import signature
from itertools import takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from workflow_manager.contract import Contract, get_contract
from workflow_manager.settings import get_settings

if TYPE_CHECKING:
    import httpx
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer
    from pydantic import SecretStr

    from workflow_manager.aws import AwsService
    from workflow_manager.ports import (
        Clock,
        DataLake,
        EventBus,
        ExamClient,
        MessageQueue,
        Orchestrator,
        ScanClient,
        UserClient,
        WorkflowStore,
    )
    from workflow_manager.secrets import Credentials
    from workflow_manager.settings import Settings


AWS_TOTAL_S = 10

T = TypeVar("T")


def build_store(settings: "Settings | None" = None) -> "WorkflowStore":
    """Return state in DynamoDB."""
    return _build_store(settings) if settings else _store()


def build_lake(settings: "Settings | None" = None) -> "DataLake":
    """Return data in S3."""
    from workflow_manager.data_lake.s3 import S3DataLake

    return S3DataLake(_s3_client(), settings or get_settings())


def build_queue() -> "MessageQueue":
    """Return messages in SQS."""
    from workflow_manager.queues.sqs import SqsMessageQueue

    return SqsMessageQueue(_aws_client("sqs"), get_settings())


def build_bus() -> "EventBus":
    """Return notifications in EventBridge."""
    from workflow_manager.notifications.eventbridge import EventBridgeBus

    return EventBridgeBus(_aws_client("events"), get_settings().event_bus_name)


def build_orchestrator() -> "Orchestrator":
    """Return Airflow."""
    return _orchestrator()


def build_exam(
    token: str | None = None,
    settings: "Settings | None" = None,
    contract: Contract | None = None,
) -> "ExamClient":
    """Return exam-manager, on behalf of whose `token` it is; None: of the service account."""
    known = settings or get_settings()
    load_key = partial(_pseudonym_key, known.patient_pseudonym_secret_arn)
    on_behalf = (_http_client(), known.exam_manager_uri, _auth(token), load_key)
    if (contract or get_contract()) is Contract.FEBRUARY_2026:
        from workflow_manager.clients.exam_2026 import HttpExamClient2026

        return HttpExamClient2026(*on_behalf)
    from workflow_manager.clients.exam import HttpExamClient

    return HttpExamClient(*on_behalf)


def build_scan(token: str | None = None) -> "ScanClient":
    """Return what starting a scan takes, on behalf of whose `token` it is, as `build_exam`."""
    on_behalf = (_http_client(), _unpooled_http_client(), get_settings(), _auth(token))
    if get_contract() is Contract.FEBRUARY_2026:
        from workflow_manager.clients.scan_2026 import HttpScanClient2026

        return HttpScanClient2026(*on_behalf)
    from workflow_manager.clients.scan import HttpScanClient

    return HttpScanClient(*on_behalf)


def build_users() -> "UserClient":
    """Return user-login-manager."""
    from workflow_manager.clients.user_login import HttpUserClient

    return HttpUserClient(_http_client(), get_settings().user_login_manager_uri)


def build_clock() -> "Clock":
    """Return what tells the time, UTC."""
    return partial(datetime.now, UTC)


# By the name of the parameter that takes it. `exam` and `scan` take the token of whom they act for.
PORTS: dict[str, Callable[..., Any]] = {
    "store": build_store,
    "lake": build_lake,
    "queue": build_queue,
    "bus": build_bus,
    "orchestrator": build_orchestrator,
    "exam": build_exam,
    "scan": build_scan,
    "users": build_users,
    "clock": build_clock,
    "settings": get_settings,
}


class LazyPort:
    """A port that is built when it is first used: few requests use all that they may touch.

    Parameters
    ----------
    build
        Returns it.
    """

    def __init__(self, build: Callable[[], object]) -> None:
        self._build = build

    @cached_property
    def _port(self) -> object:
        return self._build()

    def __getattr__(self, name: str) -> Any:
        """Return what the port has by that name."""
        return getattr(self._port, name)


def give_port(name: str, **on_behalf: str) -> Any:
    """Return a port of `PORTS`; a client is built by its first call.

    Parameters
    ----------
    name
        The port.
    **on_behalf
        The `token` that speaks in calls to ScanHub; the service account's speaks without one.
    """
    build = partial(PORTS[name], **on_behalf)
    return build() if name in ("clock", "settings") else LazyPort(build)


def ports_of(use_case: Callable[..., object]) -> list[str]:
    """Return which ports a use case takes: its first parameters, by their names alone."""
    return list(takewhile(PORTS.__contains__, signature(use_case).parameters))


def with_ports(use_case: Callable[..., T]) -> Callable[..., T]:
    """Return a use case that has its ports, on behalf of the service account."""
    return partial(use_case, *map(give_port, ports_of(use_case)))


def forget() -> None:
    """Drop clients, connections, credentials and tokens; the next use builds them anew."""
    for built in _KEPT:
        built.cache_clear()
    # Who has not loaded it has no session, and shall not wait for it now.
    if boto3 := sys.modules.get("boto3"):
        boto3.setup_default_session()


@cache
def _aws_client(service: "AwsService") -> Any:
    from botocore.config import Config

    from workflow_manager.aws import build_aws_client

    config = Config(
        connect_timeout=2,
        read_timeout=5,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Of a transaction, botocore's own check takes a third of the time; DynamoDB looks itself.
        parameter_validation=service != "dynamodb",
    )
    return build_aws_client(service, config, AWS_TOTAL_S)


def _build_store(settings: "Settings") -> "WorkflowStore":
    from workflow_manager.stores.dynamodb import DynamoDBStore

    return DynamoDBStore(_aws_client("dynamodb"), settings)


@cache
def _store() -> "WorkflowStore":
    # It knows when it has marked the lists last, and the tasks of a board: of many calls, not each
    # does it again.
    return _build_store(get_settings())


@cache
def build_idempotency_store() -> "DynamoDBPersistenceLayer":
    """Return the memory of past requests, in the one table and over its one client."""
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    return DynamoDBPersistenceLayer(
        table_name=get_settings().table_name,
        key_attr="PK",
        static_pk_value="IDEMPOTENCY",
        sort_key_attr="SK",
        expiry_attr="expires_at",
        boto3_client=_aws_client("dynamodb"),
    )


@cache
def _s3_client() -> Any:
    from workflow_manager.data_lake.s3 import build_s3_client

    return build_s3_client()


@cache
def _http_client() -> "httpx.Client":
    from workflow_manager.clients.http import build_http_client

    return build_http_client()


@cache
def _unpooled_http_client() -> "httpx.Client":
    # A start goes over a fresh connection: one that was kept while the function slept may break
    # after the device has read the request, and nobody would know whether it scans.
    from workflow_manager.clients.http import build_http_client

    return build_http_client(is_pooled=False)


@cache
def _orchestrator() -> "Orchestrator":
    from workflow_manager.orchestrators.pace import Pace

    settings = get_settings()
    pace = Pace(settings.airflow_request_interval_s)
    if settings.mwaa_environment_name:
        from workflow_manager.orchestrators.mwaa import MwaaOrchestrator, build_mwaa_client

        return MwaaOrchestrator(
            build_mwaa_client(), settings.mwaa_environment_name, settings.airflow_api_version, pace
        )
    if settings.airflow_url:
        from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator

        return AirflowRestOrchestrator(
            _http_client(),
            settings.airflow_url,
            lambda: _credentials(settings.airflow_secret_arn),
            settings.airflow_api_version,
            pace,
        )
    from workflow_manager.orchestrators.absent import NoOrchestrator

    return NoOrchestrator()


@cache
def _service_account_auth() -> "httpx.Auth":
    # One for the warm function: it holds the session, and logging in again is slow there.
    from workflow_manager.clients.auth import ServiceAccountAuth

    settings = get_settings()
    return ServiceAccountAuth(
        f"{settings.user_login_manager_uri}/api/v1/userlogin/login",
        lambda: _credentials(settings.service_account_secret_arn),
    )


def _auth(token: str | None) -> "httpx.Auth":
    from workflow_manager.clients.auth import BearerAuth

    return _service_account_auth() if token is None else BearerAuth(token)


def _credentials(secret_arn: str) -> "Credentials":
    from workflow_manager.secrets import load_credentials

    return load_credentials(secret_arn, _aws_client("secretsmanager"))


@cache
def _pseudonym_key(secret_arn: str) -> "SecretStr":
    from workflow_manager.secrets import load_pseudonym_key

    return load_pseudonym_key(secret_arn, _aws_client("secretsmanager"))


_KEPT = (
    _aws_client,
    _store,
    build_idempotency_store,
    _s3_client,
    _http_client,
    _unpooled_http_client,
    _orchestrator,
    _service_account_auth,
    _pseudonym_key,
)
