"""The seed in the shape of 2026-02, from the same words of tasks as in 2025-03."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from local.scanhub import seed
from local.scanhub.contract_2026_02.exam_manager import insert_task
from local.scanhub.contract_2026_02.models import (
    BaseAcquisitionTask,
    BaseDAGTask,
    BaseExam,
    BaseTask,
    BaseWorkflow,
    DAGTaskOut,
    Device,
    ExamOut,
    MRISequence,
    PatientOut,
    TaskOut,
    WorkflowOut,
)
from local.scanhub.models import TaskType
from local.scanhub.seed import DEFAULT_TASKS, OPERATOR_USERNAME, PATIENT_ID, PLAIN, Seed, TaskSpec
from local.scanhub.store import Store, server_now

PATIENT = seed.PATIENT | {
    **{"height": float(seed.PATIENT_HEIGHT_CM), "weight": float(seed.PATIENT_WEIGHT_KG)}
}
NO_CHANGE, NOWHERE = dict.fromkeys("xyz", 1.0), dict.fromkeys("xyz", 0.0)
PARAMETER = {"fov_scaling": NO_CHANGE, "fov_offset": NOWHERE, "fov_rotation": NOWHERE}
DEVICE = {"name": "Simulated scanner", "description": "", "status": "ONLINE"}
DEVICE |= {"device_name": "Simulated scanner", "manufacturer": "ScanHub", "modality": "MRI"}
DEVICE |= {"site": "Laptop"}


def device_key(text: str) -> UUID:
    """Return the id of the device that a test calls by a name: devices do not choose their own."""
    try:
        return UUID(text)
    except ValueError:
        return uuid5(NAMESPACE_URL, text)


DEVICE_ID = str(device_key(seed.DEVICE_ID))


def make_device(fields: dict[str, str]) -> Device:
    """Return a device as it is once it has registered; it has no address."""
    told = DEVICE | {name: text for name, text in fields.items() if name != "ip_address"}
    told |= {"id": str(device_key(fields["id"]))}
    return Device.model_validate(told | {"datetime_created": server_now()})


def seed_store(store: Store) -> Seed:
    """Fill an empty store with a patient, a sequence, an exam and a workflow; return their ids."""
    now = server_now()
    store.put(PatientOut.model_validate(PATIENT | {"datetime_created": now}))
    sequence = seed.SEQUENCE | {"seq_file": seed.SEQUENCE_FILE, "seq_file_extension": ".seq"}
    store.put(MRISequence.model_validate(sequence | {"created_at": now, "updated_at": now}))
    exam = store.add(ExamOut, BaseExam.model_validate(seed.EXAM), creator=OPERATOR_USERNAME)
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
        Its tasks in the words of 2025-03, in their order.
    device_id
        The device of the acquisitions.
    """
    above = {"exam_id": exam_id, "name": "Phantom", "is_template": is_template}
    base = BaseWorkflow.model_validate(PLAIN | above)
    workflow = store.add(WorkflowOut, base, creator=OPERATOR_USERNAME)
    device_id = str(device_key(device_id))
    made: list[Any] = []
    for spec in tasks:
        task = _make_task(spec, made, device_id=device_id)
        task.workflow_id, task.is_template = workflow.id, is_template
        row = insert_task(store, TaskOut, task, OPERATOR_USERNAME)
        if spec.id:
            store.delete(TaskOut, row.id)
            row = store.put(row.model_copy(update={"id": spec.id}))
        made.append(row)
    ids = [row.id for row in made]
    return Seed(workflow.id, exam_id, PATIENT_ID, device_id, seed.SEQUENCE_ID, ids)


def _make_task(spec: TaskSpec, made: list[Any], *, device_id: str) -> BaseTask:
    names = {"name", "description", "status", "progress"}
    told = spec.model_dump(include=names) | {"destination": "", "is_template": False}
    args = spec.args or {}
    if spec.type in (TaskType.DEVICE_TASK_SIMULATOR, TaskType.DEVICE_TASK_SDK):
        usual = {"device_id": device_id, "sequence_id": seed.SEQUENCE_ID}
        known = {name: args.get(name, text) for name, text in usual.items()} if args else usual
        more = {"task_type": "ACQUISITION", "acquisition_parameter": PARAMETER}
        return BaseAcquisitionTask.model_validate(told | more | known)
    is_reconstruction = spec.type is TaskType.RECONSTRUCTION_TASK
    destinations = {"dag_id": seed.DAG_ID} if spec.destinations is None else spec.destinations
    return BaseDAGTask.model_validate(
        told
        | {"task_type": "DAG", "dag_id": destinations.get("dag_id", "")}
        | {"dag_type": "RECONSTRUCTION" if is_reconstruction else "PROCESSING"}
        | {"input_task_ids": _find_inputs(args, made, is_reconstruction=is_reconstruction)}
        | {"parameter": {k: v for k, v in args.items() if k != "input_task_ids"} or None}
    )


def _find_inputs(
    args: dict[str, str], made: list[Any], *, is_reconstruction: bool
) -> list[UUID | str]:
    if "input_task_ids" in args:
        by_name = {row.name: row.id for row in made}
        return [by_name.get(entry, entry) for entry in json.loads(args["input_task_ids"])]
    # A reconstruction takes raw data, what comes after it an image.
    before = [row for row in made if not (is_reconstruction and isinstance(row, DAGTaskOut))]
    return [row.id for row in before[-1:]]
