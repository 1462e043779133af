"""exam-manager: exams, workflows, tasks and results, their templates and copies."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Response, UploadFile

from local.scanhub import models
from local.scanhub.dependencies import StandInDep, UserDep, check_user, require_uuid
from local.scanhub.errors import UnhandledError
from local.scanhub.exam_items import (
    UNKNOWN,
    Kind,
    add_reads,
    add_writes,
    check_parent,
    check_template,
    copy_row,
    make_upper_kinds,
    refuse_if,
)
from local.scanhub.models import ExamOut, ItemStatus, ResultOut, TaskOut, WorkflowOut
from local.scanhub.store import Store

public = APIRouter(prefix="/api/v1/exam")
router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])

# The original has two images of a head, whatever was reconstructed.
BUILT_IN_IMAGES = {"pd": b"\0" * 128 + b"DICMpd", "t2": b"\0" * 128 + b"DICMt2"}


def _refuse_results(rows: list[Any]) -> list[Any]:
    # The original cannot write a task that has results, where it lists tasks alone.
    if any(row.results for row in rows):
        raise UnhandledError
    return rows


EXAM, WORKFLOW = make_upper_kinds(models)
TASK = Kind(
    name="task",
    path="/task",
    base=models.BaseTask,
    model=TaskOut,
    parent="workflow_id",
    above=WorkflowOut,
    malformed="Badly formed task_id.",
    not_updated=UNKNOWN.format("update", "workflow"),
    show_all=_refuse_results,
)
RESULT = Kind(
    name="result",
    path="/result",
    base=models.BaseResult,
    model=ResultOut,
    parent="task_id",
    above=TaskOut,
    malformed="Badly formed task_id.",
    not_updated=UNKNOWN.format("update", "result"),
)


@public.get("/dicom/{result_id}")
def get_dicom(result_id: str, stand_in: StandInDep) -> Response:
    """Return one of two images to anybody; no directory and no other name leads to one."""
    result = _find_result(result_id, stand_in.store)
    text = f"Could not find DICOM file of result with ID: {result.id}."
    refuse_if(result.filename not in BUILT_IN_IMAGES, 404, text)
    return Response(BUILT_IN_IMAGES[result.filename], media_type="application/dicom")


@router.post("/dicom/{result_id}")
def upload_dicom(result_id: str, file: UploadFile, stand_in: StandInDep) -> None:
    """Take a file that no endpoint will ever return."""
    if not _find_result(result_id, stand_in.store).directory:
        raise UnhandledError


for _kind in (EXAM, WORKFLOW, TASK, RESULT):
    add_writes(router, _kind, path_of_new="" if _kind is RESULT else "/new")
    add_reads(router, _kind)


@router.post("/", status_code=201)
def copy_exam(
    exam: models.BaseExam, template_id: UUID, stand_in: StandInDep, user: UserDep
) -> ExamOut:
    """Create an exam with copies of a template's workflows."""
    check_parent(EXAM, exam, stand_in.store, "to create exam instance")
    template = stand_in.store.find(ExamOut, template_id)
    workflows = check_template(template, "exam", 400, "Template not found.").workflows
    exam.status = ItemStatus.NEW
    copy = stand_in.store.add(ExamOut, exam, creator=user.username)
    is_template = copy.is_template
    copies = [copy_workflow(copy.id, each.id, is_template, stand_in, user) for each in workflows]
    return copy.model_copy(update={"workflows": copies})


@router.post("/workflow", status_code=201)
def copy_workflow(
    exam_id: UUID,
    template_id: UUID,
    new_workflow_is_template: bool,
    stand_in: StandInDep,
    user: UserDep,
) -> WorkflowOut:
    """Create a workflow with copies of a template's tasks, in the order of the heap."""
    is_template = new_workflow_is_template
    template = stand_in.store.find(WorkflowOut, template_id)
    tasks = check_template(template, "workflow", 404, "Workflow not found").tasks
    columns = {"exam_id": exam_id, "is_template": is_template, "status": ItemStatus.NEW}
    copy: WorkflowOut = copy_row(template, WORKFLOW, columns, stand_in, user)
    copies = [copy_task(copy.id, each.id, is_template, stand_in, user) for each in tasks]
    return copy.model_copy(update={"tasks": copies})


@router.post("/task", status_code=201)
def copy_task(
    workflow_id: UUID,
    template_id: UUID,
    new_task_is_template: bool,
    stand_in: StandInDep,
    user: UserDep,
) -> TaskOut:
    """Copy a task as it is: status, progress, comment, and the ids in its args."""
    template = stand_in.store.find(TaskOut, template_id)
    check_template(template, "task", 404, "Task template not found")
    columns = {"workflow_id": workflow_id, "is_template": new_task_is_template}
    copy: TaskOut = copy_row(template, TASK, columns, stand_in, user)
    return copy


def _find_result(result_id: str, store: Store) -> ResultOut:
    uuid = require_uuid(result_id)
    if (result := store.find(ResultOut, uuid)) is None:
        raise HTTPException(404, f"Could not find result with ID {uuid}.")
    return result
