"""Entities for the contract suites."""

from datetime import UTC, datetime, timedelta

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause, Event, record_event
from workflow_manager.domain.exam import ResultType, TaskType
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.result import Result
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
CAUSE = Cause(actor="ada", request_id="request-1", at=NOW)


def make_run(dag_run_id: str = "run-1", due_in_s: int = -1, **changes: object) -> DagRun:
    due = NOW + timedelta(seconds=due_in_s)
    run = DagRun(
        dag_run_id=dag_run_id,
        dag_id="dag_reco",
        bucket="lake",
        data=ObjectVersion(bucket="lake", key="upload/dag_reco/1/raw.h5", version_id="v1"),
        next_attempt_at=due,
        deadline=due + timedelta(hours=1),
        created_at=NOW,
    )
    return run.evolve(**changes)


def make_finished_run(dag_run_id: str = "run-1", **changes: object) -> DagRun:
    metadata = {"tr_ms": 1.5, "n_coils": 8, "is_3d": True, "note": "", "te_ms": None, "fa": 0.1}
    result = Result(type=ResultType.DICOM, key="result/run-1/a.dcm", metadata=metadata)
    finished = {"state": DagRunState.SUCCEEDED, "progress": 100, "results": (result,)}
    return make_run(dag_run_id).evolve(**(finished | {"finished_at": NOW} | changes))


def make_workflow(workflow_id: str = "workflow-1", **changes: object) -> Workflow:
    workflow = Workflow(workflow_id=workflow_id, exam_id="exam-1", created_at=NOW, updated_at=NOW)
    return workflow.evolve(**changes)


def make_task(task_id: str, defined_at: str = "2026-11-23T10:00:00", **changes: object) -> Task:
    task = Task(
        workflow_id="workflow-1",
        task_id=task_id,
        task_type=TaskType.DEVICE_TASK_SDK,
        args={"device_id": "scanner", "sequence_parameters": '{"fov": {}}'},
        defined_at=defined_at,
        updated_at=NOW,
    )
    return task.evolve(**changes)


def make_due_task(task_id: str, due_in_s: int) -> Task:
    deadline = NOW + timedelta(seconds=due_in_s)
    return make_task(task_id, status=TaskStatus.IN_PROGRESS, deadline=deadline)


def make_upload(upload_id: str = "upload-1") -> Upload:
    return Upload(
        upload_id=upload_id,
        owner="ada",
        file_name="scan of somebody.h5",
        key="upload/dag_reco/upload-1/raw.h5",
        s3_upload_id="s3-upload",
        size_bytes=20 * 2**20,
        part_size_bytes=16 * 2**20,
        content_type="application/x-hdf5",
        dag_id="dag_reco",
        created_at=NOW,
    )


def make_rejected_object(name: str = "rejected-1", **changes: object) -> RejectedObject:
    rejected = RejectedObject(
        rejected_object_id=name,
        bucket="lake",
        key="upload/Jane Doe.h5",
        version_id="v1",
        size_bytes=1000,
        reason="It fits nothing.",
        at=NOW,
    )
    return rejected.evolve(**changes)


def make_event(subject: str = "workflow:workflow-1", at: datetime = NOW) -> Event:
    cause = Cause(actor="ada", request_id="request-1", at=at)
    return record_event(subject, "task:task-1", "claim", ("PENDING", "IN_PROGRESS"), cause)
