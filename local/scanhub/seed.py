"""The fixed data that the stand-in starts with, and copies of its workflow."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from local.scanhub.models import (
    BaseExam,
    BaseTask,
    BaseWorkflow,
    Device,
    ExamOut,
    ItemStatus,
    MRISequence,
    PatientOut,
    TaskOut,
    TaskType,
    WorkflowOut,
)
from local.scanhub.store import Store, server_now

OPERATOR_USERNAME = "operator"
OPERATOR_PASSWORD = "scanhub-demo-operator"  # noqa: S105  a demo on loopback only
SCIENTIST_USERNAME = "scientist"
SCIENTIST_PASSWORD = "scanhub-demo-scientist"  # noqa: S105  a demo on loopback only
SERVICE_USERNAME = "workflow-manager"
SERVICE_PASSWORD = "scanhub-demo-service"  # noqa: S105  a demo on loopback only

PATIENT_ID = UUID("5c0ffee0-0000-4000-8000-000000000001")
PATIENT_HEIGHT_CM = 172
PATIENT_WEIGHT_KG = 68
SEQUENCE_ID = "64f0c0ffee00000000000001"
DEVICE_ID = "simulated-scanner"

DAG_ID = "cartesian_reconstruction"
CONTRAST = "phantom_pd"
SEQUENCE_PARAMETERS = {
    "fov": {"X": 250.0, "Y": 250.0, "Z": 5.0},
    "fov_offset": {"X": 0.0, "Y": 0.0, "Z": 0.0},
}
SEQUENCE_FILE = "# Pulseq sequence file\n[VERSION]\nmajor 1\nminor 4\nrevision 0\n"
# What all that can be seeded says when it is not told otherwise.
PLAIN = {"description": "", "status": "NEW", "is_template": False}
PATIENT = {
    **{"id": PATIENT_ID, "first_name": "Phan", "last_name": "Tom", "birth_date": "1985-07-14"},
    **{"sex": "OTHER", "issuer": "ScanHub stand-in", "status": "NEW"},
}
EXAM = {
    **(PLAIN | {"patient_id": PATIENT_ID, "name": "Phantom study", "indication": "Demonstration"}),
    **{"patient_height_cm": PATIENT_HEIGHT_CM, "patient_weight_kg": PATIENT_WEIGHT_KG},
}
SEQUENCE = {
    **{"_id": SEQUENCE_ID, "name": "Cartesian spin echo", "sequence_type": "pulseq"},
    **{"description": "Two-dimensional Cartesian sequence of the phantom", "tags": ["phantom"]},
    **{"file": SEQUENCE_FILE, "file_extension": ".seq"},
}
DEVICE = {
    **{"name": "Simulated scanner", "manufacturer": "ScanHub", "modality": "MRI"},
    **{"status": "ready", "site": "Laptop"},
}


class TaskSpec(BaseModel):
    """A task to seed; args and destinations that are left out lead to what is seeded."""

    model_config = ConfigDict(extra="forbid")

    id: UUID | None = None
    name: str = "Task"
    description: str = ""
    comment: str | None = None
    type: TaskType
    args: dict[str, str] | None = None
    artifacts: dict[str, str] = {}
    destinations: dict[str, str] | None = None
    status: ItemStatus = ItemStatus.NEW
    progress: int = 0


DEFAULT_TASKS = (
    TaskSpec(name="Acquisition", type=TaskType.DEVICE_TASK_SIMULATOR),
    TaskSpec(name="Reconstruction", type=TaskType.RECONSTRUCTION_TASK),
)
# The demo's: the image is measured too.
QUALITY_DAG_ID = "image_quality"
QUALITY_TASKS = (
    *DEFAULT_TASKS,
    TaskSpec(
        name="Image quality",
        type=TaskType.PROCESSING_TASK,
        destinations={"dag_id": QUALITY_DAG_ID},
    ),
)


@dataclass(frozen=True)
class Seed:
    """The ids of a seeded workflow and of all that it refers to."""

    workflow_id: UUID
    exam_id: UUID
    patient_id: UUID
    device_id: str
    sequence_id: str
    task_ids: list[UUID]

    def to_json(self) -> dict[str, Any]:
        """Return the ids as JSON values."""
        ids = {name: str(value) for name, value in asdict(self).items()}
        return ids | {"task_ids": [str(task_id) for task_id in self.task_ids]}

    @classmethod
    def from_json(cls, ids: dict[str, Any]) -> "Seed":
        """Return the ids that `to_json` has written."""
        return TypeAdapter(cls).validate_python(ids)


def seed_store(store: Store) -> Seed:
    """Fill an empty store with a patient, a sequence, an exam and a workflow; return their ids."""
    now = server_now()
    store.put(PatientOut.model_validate(PATIENT | {"datetime_created": now}))
    store.put(MRISequence.model_validate(SEQUENCE | {"created_at": now, "updated_at": now}))
    exam = store.add(ExamOut, BaseExam.model_validate(EXAM), creator=OPERATOR_USERNAME)
    return seed_workflow(store, exam.id, DEFAULT_TASKS)


def seed_workflow(
    store: Store,
    exam_id: UUID,
    tasks: Sequence[TaskSpec],
    *,
    device_id: str = DEVICE_ID,
    is_template: bool = False,
) -> Seed:
    """Make a workflow with new ids in an exam and return the ids.

    Parameters
    ----------
    tasks
        Its tasks, in the order of their creation.
    device_id
        The device of device tasks without ``args``.
    """
    above = {"exam_id": exam_id, "name": "Phantom", "is_template": is_template}
    base = BaseWorkflow.model_validate(PLAIN | above)
    workflow = store.add(WorkflowOut, base, creator=OPERATOR_USERNAME)
    task_ids = []
    for spec in tasks:
        task = _make_task(spec, workflow.id, device_id=device_id, is_template=is_template)
        columns = {"id": spec.id} if spec.id else {}
        task_ids.append(store.add(TaskOut, task, creator=OPERATOR_USERNAME, **columns).id)
    return Seed(workflow.id, exam_id, PATIENT_ID, device_id, SEQUENCE_ID, task_ids)


def make_device(fields: dict[str, str]) -> Device:
    """Return a device as it would register itself at device-manager."""
    return Device.model_validate(DEVICE | fields | {"datetime_created": server_now()})


def _make_task(spec: TaskSpec, workflow_id: UUID, *, device_id: str, is_template: bool) -> BaseTask:
    args: dict[str, str] = {"contrast": CONTRAST}
    destinations = {"dag_id": DAG_ID}
    if spec.type in (TaskType.DEVICE_TASK_SIMULATOR, TaskType.DEVICE_TASK_SDK):
        parameters = json.dumps(SEQUENCE_PARAMETERS)
        args = {"device_id": device_id, "sequence_id": SEQUENCE_ID}
        args |= {"sequence_parameters": parameters}
        destinations = {}
    usual = {"args": args, "destinations": destinations, "is_template": is_template}
    told = spec.model_dump(exclude={"id"}, exclude_none=True)
    return BaseTask.model_validate(usual | told | {"workflow_id": workflow_id})
