"""Every call to the outside, by the real ports, in front of one server."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from pydantic import SecretStr

from tests.contracts.samples import make_event
from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.http import load_sample_credentials
from tests.unit.clients.test_scan import DEVICE_TASK, agree
from workflow_manager import wiring
from workflow_manager.clients.auth import BearerAuth, ServiceAccountAuth
from workflow_manager.clients.exam import HttpExamClient
from workflow_manager.clients.http import build_http_client
from workflow_manager.clients.scan import HttpScanClient
from workflow_manager.clients.user_login import HttpUserClient
from workflow_manager.data_lake.s3 import S3DataLake, build_s3_client
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import (
    ScanHubError,
    StoreUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus, ResultType, TaskType
from workflow_manager.domain.told_run import ToldFile, ToldRun
from workflow_manager.domain.upload import Part
from workflow_manager.notifications.eventbridge import EventBridgeBus
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator
from workflow_manager.orchestrators.mwaa import MwaaOrchestrator, build_mwaa_client
from workflow_manager.queues.sqs import SqsMessageQueue
from workflow_manager.secrets import load_credentials
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

DATA = ObjectVersion(bucket="data-lake", key="raw/upload-1/scan.h5", version_id="v1")
PART = Part(part_number=1, etag='"1"')
TOLD = ToldRun("r", "s3://b/result/r", files=(ToldFile(ResultType.DICOM, "d", "f"),))


@dataclass
class Ports:
    """The real ones, in front of one server."""

    url: str

    @cached_property
    def settings(self) -> Settings:
        names = ("user_login", "exam", "patient", "sequence", "device")
        uris: Any = {f"{name}_manager_uri": self.url for name in names}
        return Settings(table_name="table", bucket_name="data-lake", **uris)

    @property
    def http(self) -> httpx.Client:
        return build_http_client()

    @property
    def exam(self) -> HttpExamClient:
        return HttpExamClient(
            self.http, self.url, BearerAuth("token"), lambda: SecretStr(PSEUDONYM_KEY)
        )

    @property
    def service_exam(self) -> HttpExamClient:
        auth = ServiceAccountAuth(f"{self.url}/login", load_sample_credentials)
        return HttpExamClient(self.http, self.url, auth, lambda: SecretStr(PSEUDONYM_KEY))

    @property
    def scan(self) -> HttpScanClient:
        unpooled = build_http_client(is_pooled=False)
        return HttpScanClient(self.http, unpooled, self.settings, BearerAuth("token"))

    def start(self, task_type: TaskType) -> None:
        self.scan.start(task_type, DEVICE_TASK, agree)

    @property
    def users(self) -> HttpUserClient:
        return HttpUserClient(self.http, self.url)

    @property
    def airflow2(self) -> AirflowRestOrchestrator:
        return AirflowRestOrchestrator(self.http, self.url, load_sample_credentials, "v1")

    @property
    def airflow3(self) -> AirflowRestOrchestrator:
        return AirflowRestOrchestrator(self.http, self.url, load_sample_credentials, "v2")

    @property
    def mwaa(self) -> MwaaOrchestrator:
        return MwaaOrchestrator(build_mwaa_client(), "scanhub")

    @property
    def store(self) -> DynamoDBStore:
        return DynamoDBStore(wiring._aws_client("dynamodb"), self.settings)

    @property
    def lake(self) -> S3DataLake:
        return S3DataLake(build_s3_client(), self.settings)

    @property
    def queue(self) -> SqsMessageQueue:
        url = f"{self.url}/000000000000/queue"
        return SqsMessageQueue(
            wiring._aws_client("sqs"), Settings(queue_url=url, change_queue_url=url)
        )

    @property
    def bus(self) -> EventBridgeBus:
        return EventBridgeBus(wiring._aws_client("events"), "bus")


Call = Callable[[Ports], object]

# Of ScanHub and Airflow; and what it means that no answer came in time.
CALLS: dict[str, tuple[Call, type[ScanHubError]]] = {
    "get_workflow": (lambda ports: ports.exam.get_workflow("w"), UpstreamTimeoutError),
    "get_task": (lambda ports: ports.exam.get_task("t"), UpstreamTimeoutError),
    "get_exam": (lambda ports: ports.exam.get_exam("e"), UpstreamTimeoutError),
    "get_result": (lambda ports: ports.exam.get_result("r"), UpstreamTimeoutError),
    "list_exams": (lambda ports: ports.exam.list_exams("p"), UpstreamTimeoutError),
    "report_task": (
        lambda ports: ports.exam.report_task("t", ItemStatus.FINISHED, 100),
        UpstreamTimeoutError,
    ),
    "report_run": (lambda ports: ports.exam.report_run("t", TOLD), UpstreamTimeoutError),
    "contract": (lambda ports: ports.exam.find_foreign_contract(), UpstreamTimeoutError),
    "login": (lambda ports: ports.service_exam.get_task("t"), UpstreamTimeoutError),
    "get_patient": (lambda ports: ports.scan.get_patient("p"), UpstreamTimeoutError),
    "get_sequence": (lambda ports: ports.scan.get_sequence("s"), UpstreamTimeoutError),
    "get_device": (lambda ports: ports.scan.get_device("d"), UpstreamTimeoutError),
    "start": (lambda ports: ports.start(TaskType.DEVICE_TASK_SDK), UpstreamTimeoutError),
    # The address is asked for first: nothing was sent to the device.
    "find_device": (
        lambda ports: ports.start(TaskType.DEVICE_TASK_SIMULATOR),
        UpstreamUnreachableError,
    ),
    "get_current_user": (lambda ports: ports.users.get_current_user("t"), UpstreamTimeoutError),
    "airflow 2": (lambda ports: ports.airflow2.get_dag("d"), UpstreamTimeoutError),
    "airflow 2 trigger": (
        lambda ports: ports.airflow2.trigger_dag_run("d", "r", {}),
        UpstreamTimeoutError,
    ),
    "airflow 3": (lambda ports: ports.airflow3.check_health(), UpstreamTimeoutError),
    "mwaa": (lambda ports: ports.mwaa.list_dags(), UpstreamTimeoutError),
    "mwaa trigger": (lambda ports: ports.mwaa.trigger_dag_run("d", "r", {}), UpstreamTimeoutError),
    "head": (lambda ports: ports.lake.head("k"), UpstreamTimeoutError),
    "read_start": (lambda ports: ports.lake.read_start(DATA, 1024), UpstreamTimeoutError),
    "list": (lambda ports: ports.lake.list_objects("p/", 10), UpstreamTimeoutError),
    "put": (lambda ports: ports.lake.put("k", b"body", "text/plain"), UpstreamTimeoutError),
    "complete": (
        lambda ports: ports.lake.complete_multipart_upload("k", "u", [PART], 1),
        UpstreamTimeoutError,
    ),
    "get_dag_run": (lambda ports: ports.store.get_dag_run("r"), StoreUnavailableError),
    "append": (lambda ports: ports.store.commit([], [make_event()]), StoreUnavailableError),
    "send_start": (lambda ports: ports.queue.send_start("r"), UpstreamError),
    "send_stops": (lambda ports: ports.queue.send_stops(["r"]), UpstreamError),
    "load_credentials": (
        lambda ports: load_credentials("arn", wiring._aws_client("secretsmanager")),
        UpstreamError,
    ),
}
