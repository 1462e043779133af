"""The real outside world, each part built when first used and kept for the warm function.

Imports are local: a function loads only what it uses, and importing this needs no environment.
"""

import sys
from datetime import UTC, datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from workflow_manager.settings import Settings, get_settings

if TYPE_CHECKING:
    import httpx
    from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer

    from workflow_manager.aws import AwsService
    from workflow_manager.ports import (
        DataLake,
        EventBus,
        ExamClient,
        Orchestrator,
        RunQueue,
        ScanClient,
        UserClient,
        WorkflowStore,
    )
    from workflow_manager.secrets import Credentials


PortName = Literal["store", "lake", "queue", "bus", "orchestrator", "exam", "scan", "users"]


class AwsPorts:
    """The outside world on somebody's behalf.

    Parameters
    ----------
    token
        The caller's, for calls to ScanHub; None: those calls are the service account's.
    """

    def __init__(self, token: str | None = None) -> None:
        self._token = token

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(UTC)

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""
        return get_settings()

    @cached_property
    def store(self) -> "WorkflowStore":
        """State in DynamoDB."""
        from workflow_manager.stores.dynamodb import DynamoDBStore

        return DynamoDBStore(_aws_client("dynamodb"), self.settings)

    @cached_property
    def lake(self) -> "DataLake":
        """Data in S3."""
        from workflow_manager.data_lake.s3 import S3DataLake

        return S3DataLake(_s3_client(), self.settings)

    @cached_property
    def queue(self) -> "RunQueue":
        """Messages in SQS."""
        from workflow_manager.queues.sqs import SqsRunQueue

        return SqsRunQueue(
            _aws_client("sqs"), self.settings.queue_url, self.settings.simulation_queue_url
        )

    @cached_property
    def bus(self) -> "EventBus":
        """Notifications in EventBridge."""
        from workflow_manager.notifications.eventbridge import EventBridgeBus

        return EventBridgeBus(_aws_client("events"), self.settings.event_bus_name)

    @property
    def orchestrator(self) -> "Orchestrator":
        """Airflow."""
        return _orchestrator()

    @cached_property
    def exam(self) -> "ExamClient":
        """Exam-manager."""
        from workflow_manager.clients.exam import HttpExamClient

        return HttpExamClient(_http_client(), self.settings.exam_manager_uri, self._auth)

    @cached_property
    def scan(self) -> "ScanClient":
        """What starting a scan takes."""
        from workflow_manager.clients.scan import HttpScanClient

        clients = (_http_client(), _unpooled_http_client())
        return HttpScanClient(*clients, self.settings, self._auth)

    @cached_property
    def users(self) -> "UserClient":
        """User-login-manager."""
        from workflow_manager.clients.user_login import HttpUserClient

        return HttpUserClient(_http_client(), self.settings.user_login_manager_uri)

    @property
    def _auth(self) -> "httpx.Auth":
        from workflow_manager.clients.auth import BearerAuth

        return _service_account_auth() if self._token is None else BearerAuth(self._token)


def make_ready(*names: PortName) -> None:
    """Build what ports stand on; nothing is called.

    Parameters
    ----------
    *names
        Properties of `AwsPorts`.
    """
    ports = AwsPorts()
    for name in names:
        getattr(ports, name)


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
        connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3}
    )
    return build_aws_client(service, config)


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


def _credentials(secret_arn: str) -> "Credentials":
    from workflow_manager.secrets import load_credentials

    return load_credentials(secret_arn, _aws_client("secretsmanager"))


_KEPT = (
    _aws_client,
    build_idempotency_store,
    _s3_client,
    _http_client,
    _unpooled_http_client,
    _orchestrator,
    _service_account_auth,
)
