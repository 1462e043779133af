"""exam-manager of 2026-02: copies of templates."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from local.scanhub.contract_2026_02 import models
from local.scanhub.contract_2026_02.exam_manager import EXAM, TASK, WORKFLOW, insert_task
from local.scanhub.contract_2026_02.models import (
    AnyTaskOut,
    BaseAcquisitionTask,
    DAGTaskOut,
    ExamOut,
    ItemStatus,
    TaskOut,
    WorkflowOut,
)
from local.scanhub.dependencies import StandIn, StandInDep, UserDep, check_user
from local.scanhub.exam_items import check_parent, check_template, copy_row

router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])


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
    template: Any = stand_in.store.find(TaskOut, template_id)
    check_template(template, "task", 404, "Task template not found")
    columns = {"workflow_id": workflow_id, "is_template": new_task_is_template}
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
