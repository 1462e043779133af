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
        That of the request or run which led to it; None if a function acts by itself.
    """

    actor: str
    request_id: str
    at: datetime
    trace: TraceContext | None = None

    @property
    def traceparent(self) -> str | None:
        """The trace as its header has it."""
        return self.trace.traceparent if self.trace else None

    def within(self, trace: TraceContext | None) -> "Cause":
        """Return the same cause as part of a trace; None leaves it in its own.

        Parameters
        ----------
        trace
            That of the run which is spoken of.
        """
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
        """Return a copy with some fields changed.

        Parameters
        ----------
        **changes
            Field values of the right type.

        Returns
        -------
        Self
            The changed copy, still of the loaded version.
        """
        return self.model_copy(update=changes)


class Event(BaseModel):
    """One line of the audit trail: who moved what from where to where, and why.

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
    """Return a ULID of `at` that sorts behind the last one of the same audit trail.

    Parameters
    ----------
    at
        When it happened.
    last_event_id
        The line before it; None for the first.
    """
    fresh = ULID.from_datetime(at)
    if last_event_id is None or str(fresh) > last_event_id:
        return str(fresh)
    # Several lines of one moment, or a request that was decided again after a later one. A step of
    # random width, for the start of a run is noted behind the run's last line, not the workflow's:
    # the very next id may be taken.
    step = 1 + secrets.randbelow(MAX_ID_STEP)
    return str(ULID.from_int(int(ULID.from_str(last_event_id)) + step))


def record_event(
    subject: str,
    entity: str,
    name: str,
    states: tuple[str | None, str],
    cause: Cause,
    reason: str | None = None,
    last_event_id: str | None = None,
) -> Event:
    """Make one line of the audit trail.

    Parameters
    ----------
    subject, entity, name
        As in `Event`.
    states
        State before (None: there was none) and after.
    cause
        Who and when.
    reason
        One sentence, free of patient data.
    last_event_id
        The line before it, behind which it sorts.
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
