"""A hospital with its volume, the API in memory behind it, and a bridge that can be killed."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from anyio.from_thread import BlockingPortal
from starlette.types import ASGIApp

from local.scanhub.app import Settings, make_stand_in
from local.scanhub.app import make_app as make_scanhub
from local.scanhub.contract_2026_02 import models as models_2026_02
from local.scanhub.models import BaseResult, ItemStatus, ResultOut
from local.scanhub.seed import SERVICE_PASSWORD, SERVICE_USERNAME, TaskSpec
from scanhub_workflow import Clock, Retry
from scanhub_workflow.bridge import Bridge, BridgeSettings, ServiceAccount
from scanhub_workflow.bridge.connection import Addresses
from scanhub_workflow.targets import MARKER
from tests.fakes.app import InProcess
from tests.fakes.idempotency import MemoryPersistenceLayer
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    DAG_ID,
    SCAN_ARGS,
    callback_token,
    follow,
    make_exam_task,
    make_world,
)
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import Exam, ExamWorkflow, ResultType, TaskType
from workflow_manager.domain.result import Result
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow
from workflow_manager.services.trigger_task import trigger_task

API_URL = "https://api.test/api/v1/workflowmanager"
SCANHUB_URL = "https://scanhub.test"
TASKS = (TaskSpec(type="DEVICE_TASK_SDK"), TaskSpec(type="RECONSTRUCTION_TASK"))
RAW_DATA = b"\x89HDF\r\n\x1a\n raw data of a phantom"
# So that it is known again where it must not be.
PATIENT = "Zwetschgenbaum"
RAW_NAME = f"{PATIENT} Wilhelmine.h5"
IMAGES = {name: bytes(128) + b"DICM" + name.encode() for name in ("slice1.dcm", "slice2.dcm")}

# Given service, ``METHOD service/path``, and whether the service has done its work.
Fault = Callable[[str, str, bool], httpx.Response | None]


def cause_now(actor: str) -> Cause:
    """Lists are of the last 30 days: of this test's own time."""
    return Cause(actor, "r", datetime.now(UTC))


class KilledError(BaseException):
    """What a kill is here: nothing of the process runs any more."""


class Wire(httpx.BaseTransport):
    """All services of the bridge; a fault is asked before each request, and before its answer.

    Attributes
    ----------
    requests, bodies
        ``GET exam/…`` of each request that came, and what the API was told.
    """

    def __init__(self, api: httpx.BaseTransport, scanhub: httpx.BaseTransport) -> None:
        self.world = MemoryPorts()
        self.requests: list[str] = []
        self.bodies: list[str] = []
        self.fault: Fault = lambda service, line, is_answered: None
        self._api = api
        self._scanhub = scanhub
        self._lock = threading.Lock()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            service, answer = self._find(request)
            line = f"{request.method} {service}{request.url.path}"
            self.requests.append(line)
            if service in ("api", "exam"):
                self.bodies.append(request.read().decode())
            if refusal := self.fault(service, line, False):
                return refusal
            response = answer(request)
            return self.fault(service, line, True) or response

    def _find(
        self, request: httpx.Request
    ) -> tuple[str, Callable[[httpx.Request], httpx.Response]]:
        match request.url.host:
            case "api.test":
                return "api", self._api.handle_request
            case "scanhub.test":
                name = "login" if "userlogin" in request.url.path else "exam"
                return name, self._scanhub.handle_request
            case _:
                return "s3", self._answer_s3

    def _answer_s3(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            body, _, _ = self.world.lake.download(str(request.url))
            headers = {"ETag": '"1"', "Content-Length": str(len(body))}
            return httpx.Response(200, headers=headers, content=iter([body]))
        etag = self.world.lake.put_part(str(request.url), request.read())
        return httpx.Response(200, headers={"ETag": etag})


@dataclass
class BridgeWorld:
    """One workflow of a scan and its reconstruction, in ScanHub and in the API.

    Attributes
    ----------
    log
        Lines of all bridges that were made.
    n_runs
        Runs that Airflow was asked for.
    """

    contract: str
    folder: Path
    portal: BlockingPortal
    api: ASGIApp
    past: MemoryPersistenceLayer
    log: list[str] = field(default_factory=list)
    now_s: float = 0
    on_sleep: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.folder / "state").mkdir()
        self.password_file = self.folder / "password"
        self.password_file.write_text(SERVICE_PASSWORD + "\n")
        self.password_file.chmod(0o600)
        settings = Settings(address="127.0.0.1:1", contract=self.contract, volume=self.data)
        self.stand_in = make_stand_in(settings)
        self.scanhub = InProcess(make_scanhub(self.stand_in), self.portal)
        self.wire = Wire(InProcess(self.api, self.portal), self.scanhub)
        self.user = self.stand_in.accounts.log_in(SERVICE_USERNAME, SERVICE_PASSWORD)
        seed = self.stand_in.contract.seed_workflow(
            self.stand_in.store, self.stand_in.seed.exam_id, TASKS
        )
        self.workflow_id = seed.workflow_id
        self.scan_id, self.reconstruction_id = seed.task_ids
        self.ports = self.wire.world = self._make_ports()
        self._n_delivered = 0
        self._begun_s = time.time()
        call(process_workflow, self.ports, str(self.workflow_id), "t", cause_now("operator"))

    def _make_ports(self) -> MemoryPorts:
        ports = make_world()
        ids = {"workflow_id": str(self.workflow_id)}
        tasks = [
            make_exam_task(str(self.scan_id), TaskType.DEVICE_TASK_SDK, 1, args=SCAN_ARGS, **ids),
            make_exam_task(
                str(self.reconstruction_id),
                TaskType.RECONSTRUCTION_TASK,
                2,
                destinations={"dag_id": DAG_ID},
                **ids,
            ),
        ]
        workflow = ExamWorkflow(id=str(self.workflow_id), exam_id="exam-1", tasks=tasks)
        ports.exam.add_workflow(workflow)
        ports.exam.exams["exam-1"] = Exam(
            id="exam-1", patient_id="patient-1", patient_height_cm=172, patient_weight_kg=68
        )
        return ports

    def make_bridge(self, **settings: Any) -> Bridge:
        """Return a bridge as it starts: it remembers nothing."""
        known: dict[str, Any] = {
            "data": self.data,
            "state": self.folder / "state",
            "reserve_bytes": 0,
        }
        return Bridge(
            BridgeSettings(**known | settings),
            Addresses(API_URL, SCANHUB_URL, self.wire, self.wire),
            ServiceAccount(SCANHUB_URL, SERVICE_USERNAME, self.password_file),
            self.log.append,
            Retry(n_attempts=2, clock=Clock(lambda: self.now_s, self._sleep), random=lambda: 1),
            lambda: self._begun_s + self.now_s,
        )

    def run_bridge(self, **settings: Any) -> bool:
        """Let a new bridge carry what there is, and tell whether nothing has failed."""
        bridge = self.make_bridge(**settings)
        try:
            return bridge.run_once()
        finally:
            bridge.close()

    def acquire(self, body: bytes = RAW_DATA, name: str = RAW_NAME) -> UUID:
        """Do what a device does once its scan is over; return the id of its result."""
        if self.contract == "2026-02":
            transfer = self.begin_transfer(body, name)
            transfer.write(body)
            transfer.finish()
            return UUID(str(transfer.result_id))
        place = (self.workflow_id, self.scan_id, uuid4())
        path, told = self.stand_in.volume.locate(*place, name)
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
        result = BaseResult(
            task_id=self.scan_id,
            type="MRD",
            status=ItemStatus.NEW,
            directory=str(told.parent),
            filename=name,
        )
        return self.stand_in.store.add(ResultOut, result).id

    def begin_transfer(self, body: bytes = RAW_DATA, name: str = RAW_NAME) -> Any:
        """Announce a file to device-manager (2026-02)."""
        assert self.user
        message = {"device_id": "d", "task_id": str(self.scan_id), "size_bytes": len(body)}
        message |= {"user_access_token": self.user.access_token, "filename": name}
        return self.stand_in.devices.begin_transfer(message)

    def finish_run(self, images: dict[str, bytes] | None = None) -> str:
        """Let raw data that came without the bridge become a run, and return its id."""
        key = f"acquisition/{self.workflow_id}/{self.scan_id}/hand/scan.h5"
        self.ports.lake.put(key, RAW_DATA, "")
        [run_id] = self.let_engine_work(images)
        return run_id

    def let_engine_work(self, images: dict[str, bytes] | None = None) -> list[str]:
        """Deliver S3's events, run DAGs and let them call back; return the runs there are."""
        keys = [key for key in self.ports.lake.keys if key.startswith("acquisition/")]
        versions = [data for key in keys for data in self.ports.lake.list_versions(key)]
        for data in versions[self._n_delivered :]:
            self._deliver(ObjectCreated(data))
        self._n_delivered = len(versions)
        for dag_run_id in self.ports.queue.dag_run_ids:
            self._deliver(StartDagRun(dag_run_id))
        started, self.ports.queue.dag_run_ids[:] = list(self.ports.queue.dag_run_ids), []
        for dag_run_id in started:
            self._finish(dag_run_id, IMAGES if images is None else images)
        follow(self.ports)
        return [run_id for _, run_id in self.ports.orchestrator.dag_runs]

    def _deliver(self, command: ObjectCreated | StartDagRun) -> None:
        call(trigger_airflow, self.ports, command, cause_now("trigger_airflow"))

    def _finish(self, dag_run_id: str, images: dict[str, bytes]) -> None:
        prefix = f"result/{dag_run_id}/"
        for name, body in images.items():
            self.ports.lake.put(prefix + name, body, "")
        results = tuple(Result(type=ResultType.DICOM, key=prefix + name) for name in images)
        callback = Callback(dag_id=DAG_ID, success=True, results=results)
        token = callback_token(self.ports, dag_run_id)
        call(receive_results, self.ports, token, callback, cause_now("receive_results"))

    @property
    def status(self) -> dict[str, Any]:
        """What the last bridge told of itself."""
        return dict(json.loads((self.folder / "state" / "status.json").read_text()))

    @property
    def reasons(self) -> list[str]:
        """Why something is not carried."""
        return [item["reason"] for item in self.status["items"]]

    @property
    def uploaded(self) -> list[bytes]:
        """The raw data that the lake has, each object once."""
        keys = [key for key in self.ports.lake.keys if key.startswith("acquisition/")]
        return [self.ports.lake.get(key) for key in keys]

    def set_result(self, result_id: UUID, **columns: Any) -> None:
        """Let anybody write into a result what he likes."""
        is_today = self.contract == "2026-02"
        model = models_2026_02.ResultOut if is_today else ResultOut
        self.stand_in.store.update(model, result_id, **columns)

    def add_result(self, **columns: Any) -> UUID:
        """Give the reconstruction a result, blank but for this (2026-02)."""
        blank = models_2026_02.BlankResult(task_id=self.reconstruction_id)
        result = self.stand_in.store.add(models_2026_02.ResultOut, blank)
        self.set_result(result.id, **columns)
        return UUID(str(result.id))

    def ask(self, path: str) -> httpx.Response:
        """GET something of exam-manager as ScanHub's page does."""
        assert self.user
        headers = {"Authorization": f"Bearer {self.user.access_token}"}
        request = httpx.Request("GET", f"{SCANHUB_URL}/api/v1/exam/{path}", headers=headers)
        return self.scanhub.handle_request(request)

    def get_results(self, task_id: UUID) -> list[dict[str, Any]]:
        """Return the results of a task as exam-manager shows them."""
        return list(self.ask(f"task/{task_id}").json()["results"])

    def let_a_day_pass(self) -> None:
        """Let the API forget the Idempotency-Keys."""
        self.past._records.clear()

    def rescan(self) -> None:
        """Scan again."""
        call(trigger_task, self.ports, str(self.scan_id), "t", cause_now("operator"))

    def list_images(self) -> dict[str, bytes]:
        """Return what is shown in the folders of the reconstruction, by path below its task."""
        folder = self.data / str(self.workflow_id) / str(self.reconstruction_id)
        files = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_sleep()
