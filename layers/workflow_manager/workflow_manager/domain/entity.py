"""What every stored thing has in common."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from ulid import ULID

from workflow_manager.domain.trace import TraceContext

# Of what has a state that this version does not know, or cannot read at all.
UNREADABLE = "Another version of the workflow manager wrote this: this version leaves it alone."
# Small beside the 80 random bits of a ULID, so that its time stays what it was.
MAX_ID_STEP = 2**40
# Of a ULID in Crockford's base 32.
N_TIME_CHARACTERS, N_RANDOM_CHARACTERS = 10, 16


@dataclass(frozen=True)
class Cause:
    """Who or what brings a change about, and when.

    Parameters
    ----------
    actor
        User name, or the function that acts by itself (``receive_results``, ``reconcile_runs``).
    request_id
        The request that carried it, for the log.
    at
        The time of the decision, UTC.
    trace
        The trace of the request or run that led to it; None if a function acts by itself.
    """

    actor: str
    request_id: str
    at: datetime
    trace: TraceContext | None = None

    @property
    def traceparent(self) -> str | None:
        """The trace as the header ``traceparent``."""
        return self.trace.traceparent if self.trace else None

    def within(self, trace: TraceContext | None) -> "Cause":
        """Return the same cause within the trace of a run; None keeps its own trace."""
        return replace(self, trace=trace) if trace else self


@dataclass(frozen=True)
class Origin:
    """The item that an entity was read from; what an entity is does not depend on it."""

    item: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


class Entity(BaseModel):
    """A stored thing, immutable in memory and guarded by its version in the table.

    Attributes
    ----------
    version
        Number of writes so far; 0 was never written. A commit demands that the stored version
        is still this one.
    origin
        Lets a write keep what this version does not know.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = 0
    origin: Origin = Field(default=Origin(), exclude=True, repr=False)

    def evolve(self, **changes: object) -> Self:
        """Return a copy with some fields changed, still of the version that was read."""
        return self.model_copy(update=changes)


class Event(BaseModel):
    """A line of the audit trail: who moved what from which state to which, and why.

    Attributes
    ----------
    event_id
        ULID (https://github.com/ulid/spec): sorts by time.
    subject
        The workflow or the stand-alone run it belongs to: ``workflow:{id}`` or ``dag_run:{id}``.
    entity
        What moved: ``task:{id}``, ``dag_run:{id}`` or ``workflow:{id}``.
    """

    model_config = ConfigDict(frozen=True)

    event_id: str
    subject: str
    entity: str
    name: str
    from_state: str | None
    to_state: str
    reason: str | None = None
    actor: str
    request_id: str
    at: AwareDatetime


def next_event_id(at: datetime, last_event_id: str | None) -> str:
    """Return a ULID of `at` that sorts behind the last one of the same audit trail."""
    fresh = ULID.from_datetime(at)
    if last_event_id is None or str(fresh) > last_event_id:
        return str(fresh)
    # Two lines have the same time, or this one was decided before the last one. The step has a
    # random width, because the very next id may be taken: the start of a run sorts behind the run's
    # last line, not the workflow's.
    step = 1 + secrets.randbelow(MAX_ID_STEP)
    return str(ULID.from_int(int(ULID.from_str(last_event_id)) + step))


def first_event_id(at: datetime) -> str:
    """Return what sorts before every line that was written from then on."""
    return str(ULID.from_datetime(at))[:N_TIME_CHARACTERS] + N_RANDOM_CHARACTERS * "0"


def record_event(
    subject: str,
    entity: str,
    name: str,
    states: tuple[str | None, str],
    cause: Cause,
    reason: str | None = None,
    last_event_id: str | None = None,
) -> Event:
    """Make a line of the audit trail; its fields are those of `Event`.

    Parameters
    ----------
    states
        The state before (None: there was none) and the state after.
    reason
        One sentence, free of patient data.
    last_event_id
        The line behind which the new one sorts.
    """
    return Event(
        event_id=next_event_id(cause.at, last_event_id),
        subject=subject,
        entity=entity,
        name=name,
        from_state=states[0],
        to_state=states[1],
        reason=reason,
        actor=cause.actor,
        request_id=cause.request_id,
        at=cause.at,
    )
