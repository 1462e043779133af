"""When items are forgotten: DynamoDB deletes each by itself, some days after its `expires_at`.

A workflow's own item goes first. Its tasks count as gone with it, and are kept `PARTS_KEPT` longer,
so that no workflow is ever shown, or carried out, without some of them. A workflow that is still in
use after half of that time renews those of its items that a commit does not write.
"""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.entity import Entity, Event
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.task import Task
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow
from workflow_manager.settings import Settings

# DynamoDB may take some days, and not the same for two items.
PARTS_KEPT = timedelta(days=30)


def expiry_of(item: Entity | Event, settings: Settings) -> int | None:
    """Return when an item may be deleted [s since 1970]; None: never, as long as it stays so."""
    kept = timedelta(seconds=settings.event_retention_s)
    match item:
        case Upload():
            return _epoch(item.created_at + timedelta(seconds=settings.upload_retention_s))
        case RejectedObject() | Event():
            return _epoch(item.at + kept)
        case Workflow():
            return _epoch(item.updated_at + kept)
        case Task():
            return _epoch(_last_use(item, item.updated_at) + kept + PARTS_KEPT)
        case DagRun() if item.state.is_final:
            return _epoch(_last_use(item, item.finished_at or item.created_at) + kept)
        case DeviceLock() if item.taken_at:
            return _epoch(item.taken_at + kept)
    return None


def list_begun(entities: Sequence[Entity]) -> set[str]:
    """Return the ids of the workflows that a commit creates."""
    workflows = (each for each in entities if isinstance(each, Workflow))
    return {each.workflow_id for each in workflows if each.version == 0}


def list_renewals(entities: Sequence[Entity]) -> dict[str, datetime]:
    """Return which workflows a commit has to renew, as of when.

    Parameters
    ----------
    entities
        What is committed.
    """
    workflows = {each.workflow_id: each for each in entities if isinstance(each, Workflow)}
    renewals = {
        workflow_id: each.updated_at
        for workflow_id, each in workflows.items()
        if each.version and each.updated_at - each.created_at > PARTS_KEPT / 2
    }
    # A report that fails for a year is put off by a write of its task alone.
    tasks = (each for each in entities if isinstance(each, Task))
    alone = [each for each in tasks if each.workflow_id not in workflows]
    return renewals | {
        each.workflow_id: used_at
        for each in alone
        if (used_at := _last_use(each, each.updated_at)) - each.updated_at > PARTS_KEPT / 2
    }


def renewed_expiry(
    expires_at: int | None, at: datetime, settings: Settings, *, is_task: bool
) -> int | None:
    """Return the new expiry of an item of a workflow in use; None if the old one is late enough."""
    used_until = at + timedelta(seconds=settings.event_retention_s)
    # One of an earlier release has none yet.
    if (expires_at or 0) >= _epoch(used_until + is_task * PARTS_KEPT / 2):
        return None
    return _epoch(used_until + is_task * PARTS_KEPT)


def _last_use(item: Task | DagRun, at: datetime) -> datetime:
    return max(at, item.due_at or at)


def _epoch(at: datetime) -> int:
    return math.ceil(at.timestamp())
