"""exam-manager: exams, workflows, tasks and results, their templates and copies."""

from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Response, UploadFile
from pydantic import BaseModel

from local.scanhub import models
from local.scanhub.dependencies import StandIn, StandInDep, UserDep, check_user, require_uuid
from local.scanhub.errors import UnhandledError
from local.scanhub.models import ExamOut, ItemStatus, ResultOut, TaskOut, User, WorkflowOut
from local.scanhub.store import Store

public = APIRouter(prefix="/api/v1/exam")
router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])

# The original has two images of a head, whatever was reconstructed.
BUILT_IN_IMAGES = {"pd": b"\0" * 128 + b"DICMpd", "t2": b"\0" * 128 + b"DICMt2"}
LINK = "Instance needs to refer to instance, template to template."
NO_PARENT = "{} must be an existing id."
ON_CREATE = "to create exam"
UNKNOWN = "Could not {} {}, either because it does not exist, or for another reason."


class Kind(NamedTuple):
    """One table: its words, its path, and its column of the row above."""

    name: str
    path: str
    base: Any
    model: Any
    parent: str
    above: type[BaseModel]
    malformed: str
    not_updated: str


EXAM = Kind(
    *("exam", "", models.BaseExam, ExamOut, "patient_id", models.PatientOut),
    *("Badly formed exam_id", UNKNOWN.format("update", "exam")),
)
WORKFLOW = Kind(
    *("workflow", "/workflow", models.BaseWorkflow, WorkflowOut, "exam_id", ExamOut),
    *("Badly formed workflow_id.", "Workflow not found"),
)
TASK = Kind(
    *("task", "/task", models.BaseTask, TaskOut, "workflow_id", WorkflowOut),
    *("Badly formed task_id.", UNKNOWN.format("update", "workflow")),
)
RESULT = Kind(
    *("result", "/result", models.BaseResult, ResultOut, "task_id", TaskOut),
    *("Badly formed task_id.", UNKNOWN.format("update", "result")),
)


@public.get("/dicom/{result_id}")
def get_dicom(result_id: str, stand_in: StandInDep) -> Response:
    """Return one of two images to anybody; no directory and no other name leads to one."""
    result = _find_result(result_id, stand_in.store)
    text = f"Could not find DICOM file of result with ID: {result.id}."
    _refuse_if(result.filename not in BUILT_IN_IMAGES, 404, text)
    return Response(BUILT_IN_IMAGES[result.filename], media_type="application/dicom")


@router.post("/dicom/{result_id}")
def upload_dicom(result_id: str, file: UploadFile, stand_in: StandInDep) -> None:
    """Take a file that no endpoint will ever return."""
    if not _find_result(result_id, stand_in.store).directory:
        raise UnhandledError


def _add_routes(kind: Kind) -> None:
    name, path, base, model = kind[:4]

    @router.post(path if kind is RESULT else f"{path}/new", status_code=201, response_model=model)
    def create_item(item: base, stand_in: StandInDep, user: UserDep) -> Any:  # type: ignore[valid-type]  # the table's
        dot = "." if kind in (EXAM, WORKFLOW) else ""
        _refuse_if(not _is_new(item), 400, f"New {name} needs to have status NEW{dot}")
        _check_parent(kind, item, stand_in.store, ON_CREATE)
        return stand_in.store.add(model, item, creator=user.username)

    @router.put(f"{path}/{{item_id}}", response_model=model)
    def update_item(item_id: str, item: base, stand_in: StandInDep) -> Any:  # type: ignore[valid-type]  # the table's
        text = f"{name.capitalize()} cannot be updated to status NEW."
        _refuse_if(_is_new(item) and kind is WORKFLOW, 403, text)
        _check_parent(kind, item, stand_in.store, "for exam instance")
        _refuse_if(_is_new(item) and kind is EXAM, 403, text)
        columns = {column: getattr(item, column) for column in base.model_fields}
        updated = stand_in.store.update(model, require_uuid(item_id), **columns)
        _refuse_if(updated is None, 404, kind.not_updated)
        return updated

    @router.get(f"{path}/{{item_id}}", response_model=model)
    def get_item(item_id: str, stand_in: StandInDep) -> Any:
        try:
            item = stand_in.store.find(model, require_uuid(item_id))
        except UnhandledError:
            raise HTTPException(400, kind.malformed) from None
        _refuse_if(item is None, 404, f"{name.capitalize()} not found")
        return item

    @router.delete(f"{path}/{{item_id}}", status_code=204)
    def delete_item(item_id: str, stand_in: StandInDep) -> None:
        is_deleted = stand_in.store.delete(model, require_uuid(item_id))
        _refuse_if(not is_deleted, 404, UNKNOWN.format("delete", name))

    if kind is not RESULT:

        @router.get(f"{path}/templates/all", response_model=list[model])  # type: ignore[valid-type]
        def list_templates(stand_in: StandInDep) -> Any:
            return _show(stand_in.store.select(model, is_template=True))

    if kind is not EXAM:

        @router.get(f"{path}/all/{{parent_id}}", response_model=list[model])  # type: ignore[valid-type]
        def list_items(parent_id: str, stand_in: StandInDep) -> Any:
            return _show(stand_in.store.select(model, **{kind.parent: require_uuid(parent_id)}))


for _kind in (EXAM, WORKFLOW, TASK, RESULT):
    _add_routes(_kind)


@router.get("/all/{patient_id}")
def list_exams(patient_id: UUID, stand_in: StandInDep) -> list[ExamOut]:
    """Return all exams of a patient; none is no error."""
    return stand_in.store.select(ExamOut, patient_id=patient_id)


@router.post("/", status_code=201)
def copy_exam(
    exam: models.BaseExam, template_id: UUID, stand_in: StandInDep, user: UserDep
) -> ExamOut:
    """Create an exam with copies of a template's workflows."""
    _check_parent(EXAM, exam, stand_in.store, "to create exam instance")
    template = stand_in.store.find(ExamOut, template_id)
    workflows = _check_template(template, "exam", 400, "Template not found.").workflows
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
    tasks = _check_template(template, "workflow", 404, "Workflow not found").tasks
    columns = {"exam_id": exam_id, "is_template": is_template, "status": ItemStatus.NEW}
    copy: WorkflowOut = _copy(template, WORKFLOW, columns, stand_in, user)
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
    _check_template(template, "task", 404, "Task template not found")
    columns = {"workflow_id": workflow_id, "is_template": new_task_is_template}
    copy: TaskOut = _copy(template, TASK, columns, stand_in, user)
    return copy


def _copy(template: Any, kind: Kind, columns: dict[str, Any], stand_in: StandIn, user: User) -> Any:
    item = kind.base.model_validate(template.model_dump() | columns)
    _check_parent(kind, item, stand_in.store, "")
    return stand_in.store.add(kind.model, item, creator=user.username)


def _check_template(template: Any, name: str, status: int, unknown: str) -> Any:
    _refuse_if(template is None, status, unknown)
    text = f"Request to create {name} from {name} instance instead of {name} template."
    _refuse_if(not template.is_template, 400, text)
    return template


def _find_result(result_id: str, store: Store) -> ResultOut:
    uuid = require_uuid(result_id)
    if (result := store.find(ResultOut, uuid)) is None:
        raise HTTPException(404, f"Could not find result with ID {uuid}.")
    return result


def _show(items: list[Any]) -> list[Any]:
    # The original cannot write a task that has results, where it lists tasks alone.
    if any(isinstance(item, TaskOut) and item.results for item in items):
        raise UnhandledError
    return items


def _check_parent(kind: Kind, item: Any, store: Store, why: str) -> None:
    column, is_template = kind.parent, getattr(item, "is_template", False)
    parent_id = getattr(item, column)
    parent: Any = store.find(kind.above, parent_id)
    is_missing, is_unknown = parent_id is None, parent_id is not None and parent is None
    is_mixed = parent is not None and getattr(parent, "is_template", False) != is_template
    if kind is EXAM:
        _refuse_if(is_missing and not is_template, 400, f"patient_id must be given {why}.")
        _refuse_if(parent_id and is_template, 400, "Exam template must not have patient_id.")
        _refuse_if(is_unknown, 400, "patient_id must refer to an existing patient.")
    elif kind is RESULT:
        is_new = why == ON_CREATE
        unknown = "Parent (task_id) does not exist." if is_new else NO_PARENT.format("task_id")
        _refuse_if(is_unknown, 400, unknown)
        _refuse_if(is_mixed and is_new, 400, "Result parent (task) must not be a template.")
    else:
        name, above = kind.name.capitalize(), column.removesuffix("_id")
        _refuse_if(is_unknown, 400, NO_PARENT.format(column))
        _refuse_if(is_mixed, 400, f"Invalid link to {above}. {LINK}")
        _refuse_if(is_missing and not is_template, 400, f"{name} instance needs {column}.")


def _is_new(item: Any) -> bool:
    return bool(item.status == ItemStatus.NEW)


def _refuse_if(is_wrong: object, status: int, text: str) -> None:
    if is_wrong:
        raise HTTPException(status, text)
