"""A hospital in memory: one exam with a scan and its reconstruction."""

from datetime import UTC, date, datetime, timedelta

from tests.fakes.ports import MemoryPorts, call
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.exam import (
    Exam,
    ExamTask,
    ExamWorkflow,
    Gender,
    ItemStatus,
    Patient,
    TaskType,
    User,
)
from workflow_manager.domain.task import Task
from workflow_manager.ports import Dag
from workflow_manager.services.follow_changes import follow_changes
from workflow_manager.services.receive_results import Callback
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun, trigger_airflow

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
TOKEN = "a-users-token"
DAG_ID = "cartesian_reconstruction"
WORKFLOW_ID = "5b1d2a34-8f0e-4a77-9d4e-0c6f8f6f1a01"
SCAN_ID = "0d9f6a52-53c5-4d0c-8d2c-7a3f3f0b2c02"
RECONSTRUCTION_ID = "7c5e6d1f-1c8a-4c3b-9f64-5a1f0e9d3b03"
PARAMETERS = '{"fov": {"X": 1, "Y": 1, "Z": 1}, "fov_offset": {"X": 0, "Y": 0, "Z": 0}}'
SCAN_ARGS = {
    "device_id": "simulated-scanner",
    "sequence_id": "655f3b2a9d1e4c7b8a6f5e4d",
    "sequence_parameters": PARAMETERS,
}


def at(seconds: float, actor: str = "operator") -> Cause:
    return Cause(actor, "request-1", NOW + timedelta(seconds=seconds))


def make_exam_task(task_id: str, task_type: TaskType, order: int, **fields: object) -> ExamTask:
    defaults: dict[str, object] = {
        "id": task_id,
        "workflow_id": WORKFLOW_ID,
        "type": task_type,
        "status": ItemStatus.NEW,
        "datetime_created": datetime(2026, 11, 23, 20, order),
    }
    return ExamTask.model_validate(defaults | fields)


SCAN = make_exam_task(SCAN_ID, TaskType.DEVICE_TASK_SIMULATOR, 1, args=SCAN_ARGS)
RECONSTRUCTION = make_exam_task(
    RECONSTRUCTION_ID, TaskType.RECONSTRUCTION_TASK, 2, destinations={"dag_id": DAG_ID}
)


def make_world(*tasks: ExamTask) -> MemoryPorts:
    ports = MemoryPorts()
    ports.orchestrator.dags[DAG_ID] = Dag(dag_id=DAG_ID, dag_display_name="Reconstruction")
    # Listed out of order, as exam-manager may.
    listed = list(reversed(tasks or (SCAN, RECONSTRUCTION)))
    ports.exam.add_workflow(ExamWorkflow(id=WORKFLOW_ID, exam_id="exam-1", tasks=listed))
    ports.exam.exams["exam-1"] = Exam(
        id="exam-1", patient_id="patient-1", patient_height_cm=172, patient_weight_kg=68
    )
    ports.scan.patients["patient-1"] = Patient(birth_date=date(1985, 11, 24), sex=Gender.FEMALE)
    ports.scan.sequences[SCAN_ARGS["sequence_id"]] = '{"_id": "655f", "file": "seq"}'
    ports.scan.device_statuses[SCAN_ARGS["device_id"]] = "ready"
    ports.users.users[TOKEN] = User(username="operator", role="medical")
    return ports


def make_raw_data(upload_id: str = "upload-1", version_id: str = "v1") -> ObjectVersion:
    key = f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/{upload_id}/raw.h5"
    return ObjectVersion(bucket="data-lake", key=key, version_id=version_id, size_bytes=1000)


def make_success(dag_run_id: str) -> Callback:
    """Return the callback of a run that has left one image."""
    return Callback(success=True, result_file=f"s3://data-lake/result/{dag_run_id}/image.dcm")


def make_dag_data(upload_id: str = "upload-1", version_id: str = "v1") -> ObjectVersion:
    key = f"upload/{DAG_ID}/{upload_id}/raw.h5"
    return ObjectVersion(bucket="data-lake", key=key, version_id=version_id, size_bytes=1000)


def store(ports: MemoryPorts, data: ObjectVersion, body: bytes = b"raw data") -> None:
    """Put an object where an event says it is: in memory, version ``v2`` is the second one."""
    number = int((data.version_id or "v1").removeprefix("v"))
    while len(ports.lake.list_versions(data.key)) < number:
        ports.lake.put(data.key, body, "")


def deliver(ports: MemoryPorts, data: ObjectVersion, seconds: float = 10) -> None:
    store(ports, data)
    call(trigger_airflow, ports, ObjectCreated(data), at(seconds, "trigger_airflow"))


def deliver_queue(ports: MemoryPorts, seconds: float = 11) -> None:
    for dag_run_id in ports.queue.dag_run_ids:
        call(trigger_airflow, ports, StartDagRun(dag_run_id), at(seconds, "trigger_airflow"))
    ports.queue.dag_run_ids.clear()


def follow(ports: MemoryPorts, seconds: float = 12) -> None:
    """Deliver every message that something has changed."""
    while ports.queue.changes:
        call(follow_changes, ports, ports.queue.changes.pop(0), at(seconds, "follow_changes"))


def get_task(ports: MemoryPorts, task_id: str) -> Task:
    execution = ports.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    return execution.graph.tasks[task_id]


def get_status(ports: MemoryPorts) -> str:
    execution = ports.store.get_execution(WORKFLOW_ID)
    assert execution is not None
    return execution.graph.workflow.status


def callback_token(ports: MemoryPorts, dag_run_id: str) -> str:
    conf = next(c for (_, run_id), c in ports.orchestrator.dag_runs.items() if run_id == dag_run_id)
    return str(conf["user_token"])
