"""What exam-manager does with rows of every kind, in both contracts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from local.scanhub.dependencies import StandIn, StandInDep, UserDep, require_uuid
from local.scanhub.errors import UnhandledError
from local.scanhub.models import User
from local.scanhub.store import Store

LINK = "Instance needs to refer to instance, template to template."
NO_PARENT = "{} must be an existing id."
ON_CREATE = "to create exam"
UNKNOWN = "Could not {} {}, either because it does not exist, or for another reason."
NEW = "NEW"


def _insert(store: Store, model: Any, item: Any, creator: str) -> Any:
    return store.add(model, item, creator=creator)


def _overwrite(store: Store, model: Any, id_: UUID, item: Any) -> Any:
    columns = {column: getattr(item, column) for column in type(item).model_fields}
    return store.update(model, id_, **columns)


def _list(rows: list[Any]) -> list[Any]:
    return rows


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One table: its words, its path, its models, and its column of the row above.

    Attributes
    ----------
    answer
        What is shown of a row, where that is not its model.
    insert, overwrite, show_all
        How a row is made and written, and what becomes of a listing.
    """

    name: str
    path: str
    base: Any = None
    model: Any
    answer: Any = None
    parent: str
    above: type[BaseModel]
    malformed: str
    not_updated: str = ""
    insert: Callable[[Store, Any, Any, str], Any] = _insert
    overwrite: Callable[[Store, Any, UUID, Any], Any] = _overwrite
    show_all: Callable[[list[Any]], list[Any]] = _list


def make_upper_kinds(models: Any) -> tuple[Kind, Kind]:
    """Return exams and workflows, whose rows differ by contract and whose rules do not."""
    exam = Kind(
        name="exam",
        path="",
        base=models.BaseExam,
        model=models.ExamOut,
        parent="patient_id",
        above=models.PatientOut,
        malformed="Badly formed exam_id",
        not_updated=UNKNOWN.format("update", "exam"),
    )
    workflow = Kind(
        name="workflow",
        path="/workflow",
        base=models.BaseWorkflow,
        model=models.WorkflowOut,
        parent="exam_id",
        above=models.ExamOut,
        malformed="Badly formed workflow_id.",
        not_updated="Workflow not found",
    )
    return exam, workflow


def add_writes(router: APIRouter, kind: Kind, *, path_of_new: str = "/new") -> None:
    """Add the routes that create and overwrite a row."""
    name, path, base, shown = kind.name, kind.path, kind.base, kind.answer or kind.model

    @router.post(f"{path}{path_of_new}", status_code=201, response_model=shown)
    def create_item(item: base, stand_in: StandInDep, user: UserDep) -> Any:  # type: ignore[valid-type]  # the table's
        dot = "." if name in ("exam", "workflow") else ""
        refuse_if(not _is_new(item), 400, f"New {name} needs to have status NEW{dot}")
        check_parent(kind, item, stand_in.store, ON_CREATE)
        return kind.insert(stand_in.store, kind.model, item, user.username)

    @router.put(f"{path}/{{item_id}}", response_model=shown)
    def update_item(item_id: str, item: base, stand_in: StandInDep) -> Any:  # type: ignore[valid-type]  # the table's
        text = f"{name.capitalize()} cannot be updated to status NEW."
        refuse_if(_is_new(item) and name == "workflow", 403, text)
        check_parent(kind, item, stand_in.store, "for exam instance")
        refuse_if(_is_new(item) and name == "exam", 403, text)
        updated = kind.overwrite(stand_in.store, kind.model, require_uuid(item_id), item)
        refuse_if(updated is None, 404, kind.not_updated)
        return updated


def add_reads(router: APIRouter, kind: Kind) -> None:
    """Add the routes that show and delete rows."""
    name, path, model, shown = kind.name, kind.path, kind.model, kind.answer or kind.model

    @router.get(f"{path}/{{item_id}}", response_model=shown)
    def get_item(item_id: str, stand_in: StandInDep) -> Any:
        try:
            id_ = require_uuid(item_id)
        except UnhandledError:
            raise HTTPException(400, kind.malformed) from None
        item = stand_in.store.find(model, id_)
        refuse_if(item is None, 404, f"{name.capitalize()} not found")
        return item

    @router.delete(f"{path}/{{item_id}}", status_code=204)
    def delete_item(item_id: str, stand_in: StandInDep) -> None:
        is_deleted = stand_in.store.delete(model, require_uuid(item_id))
        refuse_if(not is_deleted, 404, UNKNOWN.format("delete", name))

    if name != "result":

        @router.get(f"{path}/templates/all", response_model=list[shown])  # type: ignore[valid-type]  # the table's
        def list_templates(stand_in: StandInDep) -> Any:
            return kind.show_all(stand_in.store.select(model, is_template=True))

    if name == "exam":

        @router.get("/all/{patient_id}", response_model=list[shown])  # type: ignore[valid-type]  # the table's
        def list_exams(patient_id: UUID, stand_in: StandInDep) -> Any:
            return stand_in.store.select(model, patient_id=patient_id)

    else:

        @router.get(f"{path}/all/{{parent_id}}", response_model=list[shown])  # type: ignore[valid-type]  # the table's
        def list_items(parent_id: str, stand_in: StandInDep) -> Any:
            rows = stand_in.store.select(model, **{kind.parent: require_uuid(parent_id)})
            return kind.show_all(rows)


def copy_row(
    template: Any, kind: Kind, columns: dict[str, Any], stand_in: StandIn, user: User
) -> Any:
    """Return a new row that is a template's but for these columns."""
    base = type(template) if kind.base is None else kind.base
    item = base.model_validate(template.model_dump() | columns)
    check_parent(kind, item, stand_in.store, "")
    return kind.insert(stand_in.store, kind.model, item, user.username)


def check_template(template: Any, name: str, status: int, unknown: str) -> Any:
    """Return a template, or refuse what is none."""
    refuse_if(template is None, status, unknown)
    text = f"Request to create {name} from {name} instance instead of {name} template."
    refuse_if(not template.is_template, 400, text)
    return template


def check_parent(kind: Kind, item: Any, store: Store, why: str) -> None:
    """Refuse a row whose row above is missing, unknown, or of the other sort."""
    column, is_template = kind.parent, getattr(item, "is_template", False)
    parent_id = getattr(item, column)
    parent: Any = store.find(kind.above, parent_id)
    is_missing, is_unknown = parent_id is None, parent_id is not None and parent is None
    is_mixed = parent is not None and getattr(parent, "is_template", False) != is_template
    if kind.name == "exam":
        refuse_if(is_missing and not is_template, 400, f"patient_id must be given {why}.")
        refuse_if(parent_id and is_template, 400, "Exam template must not have patient_id.")
        refuse_if(is_unknown, 400, "patient_id must refer to an existing patient.")
    elif kind.name == "result":
        is_new = why == ON_CREATE
        unknown = "Parent (task_id) does not exist." if is_new else NO_PARENT.format("task_id")
        refuse_if(is_unknown, 400, unknown)
        refuse_if(is_mixed and is_new, 400, "Result parent (task) must not be a template.")
    else:
        name, above = kind.name.capitalize(), column.removesuffix("_id")
        refuse_if(is_unknown, 400, NO_PARENT.format(column))
        refuse_if(is_mixed, 400, f"Invalid link to {above}. {LINK}")
        refuse_if(is_missing and not is_template, 400, f"{name} instance needs {column}.")


def _is_new(item: Any) -> bool:
    return bool(item.status == NEW)


def refuse_if(is_wrong: object, status: int, text: str) -> None:
    """Answer an error if something is wrong."""
    if is_wrong:
        raise HTTPException(status, text)
