"""Entities and events as items of the table, and back: keys, index, expiry, numbers."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from typing import Any, NamedTuple, TypeVar

from boto3.dynamodb.types import DYNAMODB_CONTEXT, TypeDeserializer, TypeSerializer
from pydantic import BaseModel

from workflow_manager.domain.change_set import MAX_N_ITEMS
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import UNREADABLE, Entity, Event
from workflow_manager.domain.errors import InvalidInputError, StoreUnavailableError
from workflow_manager.domain.listing import Listed, place_of
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.text import replace_surrogates
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings
from workflow_manager.stores.expiry import expiry_of

EVENT_PREFIX = "EVENT#"
TASK_PREFIX = "TASK#"
# One partition holds all that is due: active runs and scans, a few dozen at any time.
DUE = "DUE"
# Reports to exam-manager pile up while it is away: apart, they crowd out neither runs nor scans.
MIRROR_DUE = "MIRROR"
# First part of the partitions of the listing index, one a month.
DAG_RUNS = "DAGRUN"
WORKFLOWS = "WORKFLOW"
REJECTED_OBJECTS = "REJECTED"
UPLOADS = "UPLOAD"
_KINDS = {DagRun: DAG_RUNS, Workflow: WORKFLOWS, RejectedObject: REJECTED_OBJECTS}

ModelT = TypeVar("ModelT", bound=BaseModel)
Item = dict[str, Any]

_serializer = TypeSerializer()
_deserializer = TypeDeserializer()


class ItemKey(NamedTuple):
    """Primary key of an item."""

    pk: str
    sk: str


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
MAX_PK_BYTES, MAX_SK_BYTES = 2048, 1024

LOGIN_TURN_KEY = ItemKey("SYSTEM", "LOGIN")
STATUS_KEY = ItemKey("SYSTEM", "STATUS")
LISTS_KEY = ItemKey("SYSTEM", "LISTS")


def key_of(item: Item) -> ItemKey:
    """Return the key of an item, or of an entry of an index."""
    return ItemKey(item["PK"]["S"], item["SK"]["S"])


def ids_of(item: Item) -> dict[str, str]:
    """Return the ids that the key of a workflow, task or run is made of."""
    pk, sk = key_of(item)
    kind, _, head_id = pk.partition("#")
    if kind == "DAGRUN":
        return {"dag_run_id": head_id}
    return {"workflow_id": head_id, "task_id": sk.removeprefix(TASK_PREFIX)}


def is_possible(key: ItemKey) -> bool:
    """Tell whether an item can have this key; an id of a stranger may be of any length and kind."""
    try:
        n_bytes = [len(part.encode()) for part in key]
    except UnicodeEncodeError:  # half of a pair of surrogates
        return False
    return n_bytes[0] <= MAX_PK_BYTES and n_bytes[1] <= MAX_SK_BYTES


def workflow_key(workflow_id: str) -> ItemKey:
    """Return the key of a workflow."""
    return ItemKey(f"WORKFLOW#{workflow_id}", "WORKFLOW")


def task_key(workflow_id: str, task_id: str) -> ItemKey:
    """Return the key of a task of a workflow."""
    return ItemKey(workflow_key(workflow_id).pk, TASK_PREFIX + task_id)


def dag_run_key(dag_run_id: str) -> ItemKey:
    """Return the key of a DAG run."""
    return ItemKey(f"DAGRUN#{dag_run_id}", "DAGRUN")


def device_key(device_id: str) -> ItemKey:
    """Return the key of the lock of a device."""
    return ItemKey(f"DEVICE#{device_id}", "DEVICE")


def upload_key(upload_id: str) -> ItemKey:
    """Return the key of an upload."""
    return ItemKey(f"UPLOAD#{upload_id}", "UPLOAD")


def rejected_object_key(rejected_object_id: str) -> ItemKey:
    """Return the key of a rejected object."""
    return ItemKey(f"REJECTED#{rejected_object_id}", "REJECTED")


def uploads_of(owner: str) -> str:
    """Return the first part of the partitions in which the open uploads of a user are listed."""
    # A name of any length and kind has a place of one length.
    return f"{UPLOADS}#{hashlib.sha256(owner.encode(errors='replace')).hexdigest()[:32]}"


def _kind_of(entity: Listed) -> str | None:
    if isinstance(entity, Upload):
        return uploads_of(entity.owner) if entity.is_open else None
    return _KINDS[type(entity)]


def event_partition(subject: str) -> str:
    """Return the PK under which the events of ``workflow:{id}`` or ``dag_run:{id}`` lie."""
    kind, _, subject_id = subject.partition(":")
    return f"{kind.replace('_', '').upper()}#{subject_id}"


def event_key(event: Event) -> ItemKey:
    """Return the key of a line of the audit trail."""
    return ItemKey(event_partition(event.subject), EVENT_PREFIX + event.event_id)


def entity_key(entity: Entity) -> ItemKey:
    """Return the key of an entity.

    Raises
    ------
    TypeError
        The table holds no such entities.
    """
    match entity:
        case Workflow():
            return workflow_key(entity.workflow_id)
        case Task():
            return task_key(entity.workflow_id, entity.task_id)
        case DagRun():
            return dag_run_key(entity.dag_run_id)
        case Upload():
            return upload_key(entity.upload_id)
        case DeviceLock():
            return device_key(entity.device_id)
        case RejectedObject():
            return rejected_object_key(entity.rejected_object_id)
        case SystemStatus():
            return STATUS_KEY
    raise TypeError(f"{type(entity).__name__} has no place in the table.")


def check_batch(entities: Sequence[Entity], events: Sequence[Event]) -> None:
    """Refuse what cannot be written in one transaction.

    Raises
    ------
    InvalidInputError
        There are more than 100 items.
    StoreUnavailableError
        A task or run is of a state that only another version knows.
    ValueError
        An item occurs twice.
    """
    if any(_is_foreign(entity) for entity in entities):
        raise StoreUnavailableError(UNREADABLE)
    keys = [entity_key(entity) for entity in entities] + [event_key(event) for event in events]
    if len(keys) > MAX_N_ITEMS:
        raise InvalidInputError(
            f"{len(keys)} items would change at once, and {MAX_N_ITEMS} can: "
            "the workflow has too many tasks."
        )
    if len(set(keys)) < len(keys):
        raise ValueError("The same item occurs twice in one commit.")


def _is_foreign(entity: Entity) -> bool:
    if isinstance(entity, Task):
        return entity.status is TaskStatus.UNKNOWN
    return isinstance(entity, DagRun) and entity.state is DagRunState.UNKNOWN


def _order_of(task: Task) -> tuple[str, bool, str]:
    return task.defined_at, not task.task_type.is_device_task, task.task_id


def order_tasks(tasks: Iterable[Task]) -> dict[str, Task]:
    """Return tasks by id, in the order of their definition."""
    ordered = sorted(tasks, key=_order_of)
    return {task.task_id: task for task in ordered}


def due_partition(entity: Entity) -> str:
    """Return the part of the due index that an entity lies in."""
    is_report = isinstance(entity, Task) and entity.is_mirror_due and entity.end_due_at is None
    return MIRROR_DUE if is_report else DUE


def format_due(at: datetime) -> str:
    """Return a time as text of fixed width, which sorts as the time does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def encode_key(key: ItemKey) -> Item:
    """Return a key as DynamoDB takes it."""
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def encode_active_cursor(due_at: str, key: ItemKey) -> str:
    """Return a place in the due index, for `decode_active_cursor`."""
    return json.dumps([due_at, *key])


def decode_active_cursor(cursor: str) -> tuple[str, ItemKey]:
    """Return due time and key of the item at a place in the due index."""
    due_at, pk, sk = json.loads(cursor)
    return due_at, ItemKey(pk, sk)


def encode_entity(entity: Entity, settings: Settings) -> Item:
    """Return the item that the next write of an entity puts."""
    written = entity.evolve(version=entity.version + 1)
    attributes: Item = {}
    if due_at := getattr(entity, "due_at", None):
        # Sparse: an item without these attributes is not in the index.
        attributes |= {"due": due_partition(entity), "due_at": format_due(due_at)}
    if isinstance(entity, DagRun | Workflow | RejectedObject | Upload) and (
        kind := _kind_of(entity)
    ):
        place = place_of(entity)
        attributes |= {"listed": f"{kind}#{place[:7]}", "listed_at": place}
    if expires_at := expiry_of(entity, settings):
        attributes["expires_at"] = expires_at
    return _encode(entity_key(entity), written, attributes)


def encode_event(event: Event, settings: Settings) -> Item:
    """Return the item of a line of the audit trail."""
    return _encode(event_key(event), event, {"expires_at": expiry_of(event, settings)})


def decode(model: type[ModelT], item: Mapping[str, Any]) -> ModelT:
    """Return the entity or event that an item holds."""
    return model.model_validate(read_values(item))


def read_values(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an item's attributes."""
    # Never an attribute: it is what the entity was read from.
    named = {name: value for name, value in item.items() if name != "origin"}
    return {name: _from_number(_deserializer.deserialize(v)) for name, v in named.items()}


def _encode(key: ItemKey, model: BaseModel, attributes: Item) -> Item:
    body = {**_to_storable(model.model_dump(mode="json")), **attributes}
    return encode_key(key) | {name: _serializer.serialize(v) for name, v in body.items()}


def _to_storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {replace_surrogates(name): _to_storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_to_storable(member) for member in value]
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _decimal_or_text(value)
    return value


def _decimal_or_text(value: int | float) -> Decimal | str:
    # A DAG's metadata may hold NaN or 1e300, which DynamoDB has no number for.
    try:
        number: Decimal = DYNAMODB_CONTEXT.create_decimal(str(value))
    except DecimalException:
        return str(value)
    return number if number.is_finite() else str(value)


def _from_number(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _from_number(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_from_number(member) for member in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
