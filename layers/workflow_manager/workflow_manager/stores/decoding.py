"""Items as entities, those of another version too: what is not known stays as it is."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import UNREADABLE, Entity, Origin
from workflow_manager.domain.errors import StoreUnavailableError
from workflow_manager.domain.exam import TaskType
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.workflow import Workflow, WorkflowStatus
from workflow_manager.observability import log_unexpected
from workflow_manager.settings import Settings
from workflow_manager.stores import items
from workflow_manager.stores.items import Item, ModelT

# What the table adds to the fields of an entity.
_TABLE_ATTRIBUTES = {"PK", "SK", "due", "due_at", "listed", "listed_at", "expires_at"}
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# What must be there; shown where the item has nothing that we can read.
_PLACEHOLDERS: Mapping[type, Mapping[str, Any]] = {
    Workflow: {"created_at": _NEVER, "updated_at": _NEVER},
    Task: {"task_type": TaskType.PROCESSING_TASK, "defined_at": "", "updated_at": _NEVER},
    DagRun: {
        "dag_id": "unknown",
        "bucket": "",
        "next_attempt_at": _NEVER,
        "deadline": _NEVER,
        "created_at": _NEVER,
    },
}


def decode_entity(model: type[ModelT], item: Item) -> ModelT:
    """Return the entity that an item holds.

    A workflow, task or run that this version cannot read is of the state UNKNOWN, with all that can
    be read; a status item is a fresh one.

    Raises
    ------
    StoreUnavailableError
        It is anything else, and another version may be able to read it.
    """
    try:
        entity = items.decode(model, item)
        # Its times may be beyond what a date can be.
        _ = getattr(entity, "due_at", None)
    except Exception as error:  # noqa: BLE001 - whatever another version, or a person, wrote
        entity = _salvage(model, item, error)
    if isinstance(entity, Entity):
        return entity.evolve(origin=Origin(item))
    return entity


def is_unknown(entity: object) -> bool:
    """Tell whether an entity is of a state that this version does not know."""
    if isinstance(entity, Task | Workflow):
        return entity.status in (TaskStatus.UNKNOWN, WorkflowStatus.UNKNOWN)
    return isinstance(entity, DagRun) and entity.state is DagRunState.UNKNOWN


def encode_entity(entity: Entity, settings: Settings) -> Item:
    """Return the item that the next write of an entity puts.

    What this version does not know, and what has not changed, stays as the item had it.
    """
    written = items.encode_entity(entity, settings)
    origin = entity.origin.item
    if not origin or isinstance(entity, SystemStatus):
        return written
    before = items.encode_entity(decode_entity(type(entity), dict(origin)), settings)
    known = type(entity).model_fields.keys() | _TABLE_ATTRIBUTES
    foreign = {name: value for name, value in origin.items() if name not in known}
    untouched = {
        name: origin[name]
        for name in origin.keys() & written.keys() - {"version"}
        if before.get(name) == written[name]
    }
    return written | foreign | untouched


def _salvage(model: type[ModelT], item: Item, error: Exception) -> ModelT:
    if model is SystemStatus:
        return model()
    if model not in _PLACEHOLDERS:
        log_unexpected(error)
        raise StoreUnavailableError(UNREADABLE) from None
    wrong = {"reason", "is_mirror_due"}
    if isinstance(error, ValidationError):
        wrong |= {str(each["loc"][0]) for each in error.errors() if each["loc"]}
    readable = {name: value for name, value in items.read_values(item).items() if name not in wrong}
    state = "state" if model is DagRun else "status"
    unknown = {state: "unknown" if model is Workflow else "UNKNOWN", "reason": UNREADABLE}
    return model.model_validate(
        {**_PLACEHOLDERS[model], **readable, **items.ids_of(item), **unknown}
    )
