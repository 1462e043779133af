"""The fixed data that the stand-in starts with, and copies of its workflow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from local.scanhub.models import (
    BaseExam,
    BaseTask,
    BaseWorkflow,
    Device,
    Gender,
    ItemStatus,
    MRISequence,
    PatientOut,
    TaskType,
)
from local.scanhub.store import Store, server_now

OPERATOR_USERNAME = "operator"
OPERATOR_PASSWORD = "scanhub-demo-operator"  # noqa: S105  a demo on loopback only
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


class TaskSpec(BaseModel):
    """A task to seed; fields that are left out get defaults.

    Attributes
    ----------
    id
        Given when other tasks of the same workflow refer to it.
    args
        ``None``: the seeded device and sequence, or the seeded contrast.
    destinations
        ``None``: the seeded DAG, or nothing in a device task.
    """

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
        return {
            "workflow_id": str(self.workflow_id),
            "exam_id": str(self.exam_id),
            "patient_id": str(self.patient_id),
            "device_id": self.device_id,
            "sequence_id": self.sequence_id,
            "task_ids": [str(task_id) for task_id in self.task_ids],
        }


def seed_store(store: Store, *, device_address: str) -> Seed:
    """Fill an empty store with a patient, exam, sequence, device and workflow; return their ids.

    Parameters
    ----------
    device_address
        ``host:port`` at which the simulated scanner answers.
    """
    store.put_patient(_make_patient())
    store.put_sequence(_make_sequence())
    store.put_device(make_device(DEVICE_ID, device_address))
    exam = BaseExam(
        patient_id=PATIENT_ID,
        name="Phantom study",
        description="Exam of the laptop stack",
        indication="Demonstration",
        patient_height_cm=PATIENT_HEIGHT_CM,
        patient_weight_kg=PATIENT_WEIGHT_KG,
        status=ItemStatus.NEW,
        is_template=False,
    )
    exam_id = store.add_exam(exam, creator=OPERATOR_USERNAME).id
    return seed_workflow(store, exam_id, DEFAULT_TASKS)


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
    workflow = store.add_workflow(
        BaseWorkflow(
            exam_id=exam_id,
            name="Phantom",
            description="Acquire a phantom and reconstruct it",
            status=ItemStatus.NEW,
            is_template=is_template,
        ),
        creator=OPERATOR_USERNAME,
    )
    task_ids = []
    for spec in tasks:
        task = _make_task(spec, workflow.id, device_id=device_id, is_template=is_template)
        task_ids.append(store.add_task(task, creator=OPERATOR_USERNAME, task_id=spec.id).id)
    return Seed(workflow.id, exam_id, PATIENT_ID, device_id, SEQUENCE_ID, task_ids)


def make_device(device_id: str, address: str, status: str = "ready") -> Device:
    """Return a device as it would register itself at device-manager."""
    return Device(
        id=device_id,
        name="Simulated scanner",
        manufacturer="ScanHub",
        modality="MRI",
        status=status,
        site="Laptop",
        ip_address=address,
        datetime_created=server_now(),
    )


def _make_task(spec: TaskSpec, workflow_id: UUID, *, device_id: str, is_template: bool) -> BaseTask:
    is_device_task = spec.type in (TaskType.DEVICE_TASK_SIMULATOR, TaskType.DEVICE_TASK_SDK)
    args, destinations = spec.args, spec.destinations
    if args is None:
        args = _make_device_args(device_id) if is_device_task else {"contrast": CONTRAST}
    if destinations is None:
        destinations = {} if is_device_task else {"dag_id": DAG_ID}
    return BaseTask(
        workflow_id=workflow_id,
        args=args,
        destinations=destinations,
        is_template=is_template,
        **spec.model_dump(exclude={"id", "args", "destinations"}),
    )


def _make_device_args(device_id: str) -> dict[str, str]:
    return {
        "device_id": device_id,
        "sequence_id": SEQUENCE_ID,
        "sequence_parameters": json.dumps(SEQUENCE_PARAMETERS),
    }


def _make_patient() -> PatientOut:
    return PatientOut(
        id=PATIENT_ID,
        first_name="Phan",
        last_name="Tom",
        birth_date=date(1985, 7, 14),
        sex=Gender.OTHER,
        issuer="ScanHub stand-in",
        status="NEW",
        datetime_created=server_now(),
    )


def _make_sequence() -> MRISequence:
    return MRISequence(
        _id=SEQUENCE_ID,
        name="Cartesian spin echo",
        description="Two-dimensional Cartesian sequence of the phantom",
        sequence_type="pulseq",
        created_at=server_now(),
        tags=["phantom"],
        file=SEQUENCE_FILE,
        file_extension="seq",
    )
