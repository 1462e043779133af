"""exam-manager of 2026-02: typed tasks in an order, results in two steps, copies."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException

from local.scanhub.contract_2026_02 import models
from local.scanhub.contract_2026_02.models import (
    AcquisitionTaskOut,
    AnyTaskOut,
    BaseAcquisitionTask,
    BrokenTask,
    DAGTaskOut,
    ExamOut,
    ItemStatus,
    ResultOut,
    TaskOut,
    TaskType,
    WorkflowOut,
)
from local.scanhub.dependencies import StandIn, StandInDep, UserDep, check_user, require_uuid
from local.scanhub.exam_items import (
    ON_CREATE,
    UNKNOWN,
    Kind,
    add_reads,
    add_writes,
    check_parent,
    check_template,
    copy_row,
)
from local.scanhub.models import User
from local.scanhub.store import Store

router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])

ROW_OF = {TaskType.ACQUISITION: AcquisitionTaskOut, TaskType.DAG: DAGTaskOut}


def insert_task(store: Store, model: Any, item: Any, creator: str) -> TaskOut:
    """Keep a new task behind the others of its workflow, whatever place it asks for."""
    positions = [each.position for each in store.select(TaskOut, workflow_id=item.workflow_id)]
    position = max(positions, default=-1) + 1 if item.workflow_id else 0
    row: TaskOut = store.add(ROW_OF[item.task_type], item, creator=creator, position=position)
    return row


def overwrite_task(store: Store, model: Any, id_: UUID, item: Any) -> TaskOut | None:
    """Overwrite a task; one of the other type is taken, and breaks it for good."""
    known: Any = store.find(TaskOut, id_)
    if known is None:
        return None
    if isinstance(known, ROW_OF[item.task_type]):
        columns = {column: getattr(item, column) for column in type(item).model_fields}
        return store.update(TaskOut, id_, **columns)
    told = known.model_dump() | item.model_dump()
    store.replace(BrokenTask.model_validate(told))
    answer: TaskOut = ROW_OF[item.task_type].model_validate(told)
    return answer


EXAM = Kind(
    name="exam",
    path="",
    base=models.BaseExam,
    model=ExamOut,
    parent="patient_id",
    above=models.PatientOut,
    malformed="Badly formed exam_id",
    not_updated=UNKNOWN.format("update", "exam"),
)
WORKFLOW = Kind(
    name="workflow",
    path="/workflow",
    base=models.BaseWorkflow,
    model=WorkflowOut,
    parent="exam_id",
    above=ExamOut,
    malformed="Badly formed workflow_id.",
    not_updated="Workflow not found",
)
TASK = Kind(
    name="task",
    path="/task",
    base=models.AnyBaseTask,
    model=TaskOut,
    answer=AnyTaskOut,
    parent="workflow_id",
    above=WorkflowOut,
    malformed="Badly formed task_id.",
    not_updated=UNKNOWN.format("update", "workflow"),
    insert=insert_task,
    overwrite=overwrite_task,
)
RESULT = Kind(
    name="result",
    path="/result",
    model=ResultOut,
    parent="task_id",
    above=TaskOut,
    malformed="Badly formed result_id.",
)


@router.put("/task/reorder", status_code=204)
def reorder_tasks(order: models.TaskOrder, stand_in: StandInDep) -> None:
    """Give every task its place in this list; unknown ones count too."""
    for position, task_id in enumerate(order.task_ids):
        stand_in.store.update(TaskOut, task_id, position=position)


@router.post("/result", status_code=201)
def create_result(task_id: str, stand_in: StandInDep) -> ResultOut:
    """Make a blank result; whatever body comes along is not read."""
    blank = models.BlankResult(task_id=require_uuid(task_id))
    check_parent(RESULT, blank, stand_in.store, ON_CREATE)
    return stand_in.store.add(ResultOut, blank)


@router.put("/result/{result_id}")
def set_result(result_id: str, result: models.SetResult, stand_in: StandInDep) -> ResultOut:
    """Overwrite all of a result that can be set."""
    columns = {column: getattr(result, column) for column in type(result).model_fields}
    updated = stand_in.store.update(ResultOut, require_uuid(result_id), **columns)
    if updated is None:
        raise HTTPException(404, UNKNOWN.format("update", "result"))
    return updated


for _kind in (EXAM, WORKFLOW, TASK):
    add_writes(router, _kind)
for _kind in (EXAM, WORKFLOW, TASK, RESULT):
    add_reads(router, _kind)


@router.get("/all/{patient_id}")
def list_exams(patient_id: UUID, stand_in: StandInDep) -> list[ExamOut]:
    """Return all exams of a patient; none is no error."""
    return stand_in.store.select(ExamOut, patient_id=patient_id)


@router.post("/", status_code=201)
def copy_exam(
    exam: models.BaseExam, template_id: UUID, stand_in: StandInDep, user: UserDep
) -> ExamOut:
    """Create an exam with copies of a template's workflows, which the answer leaves out."""
    check_parent(EXAM, exam, stand_in.store, "to create exam instance")
    template = stand_in.store.find(ExamOut, template_id)
    workflows = check_template(template, "exam", 400, "Template not found.").workflows
    exam.status = ItemStatus.NEW
    copy = stand_in.store.add(ExamOut, exam, creator=user.username)
    for each in workflows:
        copy_workflow(copy.id, each.id, copy.is_template, stand_in, user)
    return copy


@router.post("/workflow", status_code=201)
def copy_workflow(
    exam_id: UUID,
    template_id: UUID,
    new_workflow_is_template: bool,
    stand_in: StandInDep,
    user: UserDep,
) -> WorkflowOut:
    """Create a workflow with copies of a template's tasks, which the answer leaves out."""
    is_template = new_workflow_is_template
    template = stand_in.store.find(WorkflowOut, template_id)
    tasks = check_template(template, "workflow", 404, "Workflow not found").tasks
    columns = {"exam_id": exam_id, "is_template": is_template, "status": ItemStatus.NEW}
    copy: WorkflowOut = copy_row(template, WORKFLOW, columns, stand_in, user)
    new_ids = {
        each.id: copy_task(copy.id, each.id, is_template, stand_in, user).id for each in tasks
    }
    for new_id in new_ids.values():
        _map_inputs(stand_in, new_id, new_ids)
    return copy


@router.post("/task", status_code=201, response_model=AnyTaskOut)
def copy_task(
    workflow_id: UUID,
    template_id: UUID,
    new_task_is_template: bool,
    stand_in: StandInDep,
    user: UserDep,
) -> Any:
    """Copy a task as it is: status, progress, and the ids of its inputs."""
    template = stand_in.store.find(TaskOut, template_id)
    check_template(template, "task", 404, "Task template not found")
    columns = {"workflow_id": workflow_id, "is_template": new_task_is_template}
    return _copy_task(template, columns, stand_in, user)


def _copy_task(template: Any, columns: dict[str, Any], stand_in: StandIn, user: User) -> TaskOut:
    is_acquisition = isinstance(template, BaseAcquisitionTask)
    base = models.BaseAcquisitionTask if is_acquisition else models.BaseDAGTask
    item = base.model_validate(template.model_dump() | columns)
    check_parent(TASK, item, stand_in.store, "")
    return insert_task(stand_in.store, TaskOut, item, user.username)


def _map_inputs(stand_in: StandIn, task_id: UUID, new_ids: dict[UUID, UUID]) -> None:
    task = stand_in.store.find(TaskOut, task_id)
    if isinstance(task, DAGTaskOut):
        # An input from outside the template is lost, and nobody is told.
        inside = [new_ids[each] for each in task.input_task_ids if each in new_ids]
        stand_in.store.update(TaskOut, task_id, input_task_ids=inside)
