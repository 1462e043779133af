"""exam-manager: exams, workflows, tasks and results."""

from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Response
from fastapi.responses import PlainTextResponse

from local.scanhub.dependencies import StandInDep, UserDep, check_user, parse_uuid
from local.scanhub.models import (
    BaseExam,
    BaseResult,
    BaseTask,
    BaseWorkflow,
    ExamOut,
    ItemStatus,
    ResultOut,
    TaskOut,
    WorkflowOut,
)
from local.scanhub.store import Store

router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])

UPDATE_REFUSED = (
    "Could not update workflow, either because it does not exist, or for another reason."
)


@router.post("/new", status_code=201)
def create_exam(exam: BaseExam, stand_in: StandInDep, user: UserDep) -> ExamOut:
    """Create an exam."""
    _require_new(exam.status, "exam")
    if exam.patient_id is None and not exam.is_template:
        raise HTTPException(400, "patient_id is missing.")
    return stand_in.store.add_exam(exam, creator=user.username)


@router.post("/workflow/new", status_code=201)
def create_workflow(workflow: BaseWorkflow, stand_in: StandInDep, user: UserDep) -> WorkflowOut:
    """Create a workflow."""
    _require_new(workflow.status, "workflow")
    has_parent = workflow.exam_id is not None and stand_in.store.find_exam(workflow.exam_id)
    if not has_parent and not workflow.is_template:
        raise HTTPException(400, "Parent (exam_id) does not exist.")
    return stand_in.store.add_workflow(workflow, creator=user.username)


@router.post("/task/new", status_code=201)
def create_task(task: BaseTask, stand_in: StandInDep, user: UserDep) -> TaskOut:
    """Create a task."""
    _require_new(task.status, "task")
    _check_parent(task, stand_in.store)
    return stand_in.store.add_task(task, creator=user.username)


@router.post("/result", status_code=201)
def create_result(result: BaseResult, stand_in: StandInDep) -> ResultOut:
    """Create a result of a task."""
    _require_new(result.status, "result")
    created = stand_in.store.add_result(result)
    if created is None:
        raise HTTPException(400, "Parent (task_id) does not exist.")
    return created


@router.get("/task/{task_id}")
def get_task(task_id: str, stand_in: StandInDep) -> TaskOut:
    """Return a task."""
    uuid = parse_uuid(task_id)
    if uuid is None:
        raise HTTPException(400, "Badly formed task_id.")
    if (task := stand_in.store.find_task(uuid)) is None:
        raise HTTPException(404, "Task not found")
    return task


@router.put("/task/{task_id}", response_model=TaskOut)
def update_task(task_id: str, task: BaseTask, stand_in: StandInDep) -> TaskOut | Response:
    """Overwrite a task: no version check and no state machine, the last writer wins."""
    uuid = parse_uuid(task_id)
    if uuid is None:
        # The original does not catch the error; clients saw its bare answer.
        return PlainTextResponse("Internal Server Error", 500)
    if stand_in.store.find_task(uuid) is None:
        raise HTTPException(404, UPDATE_REFUSED)
    _check_parent(task, stand_in.store)
    updated = stand_in.store.overwrite_task(uuid, task)
    if updated is None:
        raise HTTPException(404, UPDATE_REFUSED)
    return updated


@router.get("/workflow/{workflow_id}")
def get_workflow(workflow_id: str, stand_in: StandInDep) -> WorkflowOut:
    """Return a workflow with its tasks."""
    uuid = parse_uuid(workflow_id)
    if uuid is None:
        raise HTTPException(400, "Badly formed workflow_id.")
    if (workflow := stand_in.store.find_workflow(uuid)) is None:
        raise HTTPException(404, "Workflow not found")
    return workflow


@router.get("/all/{patient_id}")
def list_exams(patient_id: UUID, stand_in: StandInDep) -> list[ExamOut]:
    """Return all exams of a patient; none is no error."""
    return stand_in.store.find_exams(patient_id)


@router.get("/{exam_id}")
def get_exam(exam_id: str, stand_in: StandInDep) -> ExamOut:
    """Return an exam with its workflows."""
    uuid = parse_uuid(exam_id)
    if uuid is None:
        raise HTTPException(400, "Badly formed exam_id")
    if (exam := stand_in.store.find_exam(uuid)) is None:
        raise HTTPException(404, "Exam not found")
    return exam


def _require_new(status: ItemStatus, item: str) -> None:
    if status != ItemStatus.NEW:
        raise HTTPException(400, f"A new {item} needs status NEW.")


def _check_parent(task: BaseTask, store: Store) -> None:
    if task.workflow_id is None and task.is_template:
        return
    workflow = store.find_workflow(task.workflow_id) if task.workflow_id else None
    if workflow is None:
        raise HTTPException(400, "Parent (workflow_id) does not exist.")
    if workflow.is_template != task.is_template:
        raise HTTPException(400, "is_template differs from the workflow's.")
