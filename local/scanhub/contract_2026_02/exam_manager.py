"""exam-manager of 2026-02: typed tasks in an order, and results in two steps."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException

from local.scanhub.contract_2026_02 import models
from local.scanhub.contract_2026_02.models import (
    AcquisitionTaskOut,
    AnyTaskOut,
    BrokenTask,
    DAGTaskOut,
    ResultOut,
    TaskOut,
    TaskType,
    WorkflowOut,
)
from local.scanhub.dependencies import StandInDep, check_user, require_uuid
from local.scanhub.exam_items import (
    ON_CREATE,
    UNKNOWN,
    Kind,
    add_reads,
    add_writes,
    check_parent,
    make_upper_kinds,
)
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


EXAM, WORKFLOW = make_upper_kinds(models)
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
