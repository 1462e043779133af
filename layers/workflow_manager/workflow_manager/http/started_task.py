"""The answer to a started task, in the shape of the deployment's contract."""

from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel, Field

from workflow_manager.contract import Contract, get_contract
from workflow_manager.domain.exam import ExamTask
from workflow_manager.domain.task import Task
from workflow_manager.http.task_schemas import TaskView

# What makes a scan of an acquisition: without either, ScanHub does nothing, and says so by 204. A
# sequence of "" is a scan that lacks it.
_OF_A_SCAN = ("sequence_id", "calibration")


class TriggeredTaskView(BaseModel):
    """The answer to a started task; `status` and `data` are ScanHub's."""

    status: Literal["success"] = "success"
    data: str = "ok"
    task: TaskView


class StartedScanView(BaseModel):
    """The answer to a started scan; `status` and `data` are ScanHub's."""

    status: Literal["success"] = "success"
    data: str = "Device task started successfully."
    task: TaskView


class StartedRunView(BaseModel):
    """The answer to a started run; `message` and `data` are ScanHub's."""

    message: str = "DAG triggered successfully"
    data: str = Field(description="The id of the run.")
    task: TaskView


def started_task_answers() -> dict[str, Any]:
    """Return the options of a route for its answers."""
    if get_contract() is Contract.MARCH_2025:
        return {"response_model": TriggeredTaskView}
    empty = {"description": "The acquisition has nothing to scan: nothing was started."}
    return {"response_model": StartedScanView | StartedRunView, "responses": {204: empty}}


def view_started_task(task: Task) -> BaseModel:
    """Return the answer to a task that is in progress."""
    view = TaskView.of(task)
    if get_contract() is Contract.MARCH_2025:
        return TriggeredTaskView(task=view)
    if task.task_type.is_device_task:
        return StartedScanView(task=view)
    return StartedRunView(data=task.dag_run_id or "", task=view)


def find_empty_answer(definition: ExamTask) -> Response | None:
    """Return the answer to an acquisition that has nothing to scan; None: it has, or is none."""
    if get_contract() is Contract.MARCH_2025 or _has_a_scan(definition):
        return None
    return Response(status_code=204)


def _has_a_scan(definition: ExamTask) -> bool:
    is_scan = definition.type.is_device_task and not definition.is_template
    return not is_scan or any(name in definition.args for name in _OF_A_SCAN)
