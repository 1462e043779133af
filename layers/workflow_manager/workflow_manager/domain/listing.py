"""Lists of runs, workflows and rejected objects, newest first, and their pages.

A place in a list is a text that sorts by time: the time of creation, then the id, so that no two
items share one. A place without an id lies right before all items of its time.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.domain.upload import Upload
from workflow_manager.domain.workflow import Workflow

DEFAULT_PERIOD = timedelta(days=30)
MAX_PERIOD = timedelta(days=366)
MAX_CURSOR_LENGTH = 500
_TICK = timedelta(microseconds=1)
_PLACE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00)#.*", re.DOTALL)

ItemT = TypeVar("ItemT")
Listed = DagRun | Workflow | RejectedObject | Upload


def format_place(created_at: datetime, item_id: str = "") -> str:
    """Return the place of an item; without an id, the place right before all items of that time."""
    return f"{created_at.astimezone(UTC).isoformat(timespec='microseconds')}#{item_id}"


def place_of(item: Listed) -> str:
    """Return the place of an item in its list."""
    match item:
        case DagRun():
            return format_place(item.created_at, item.dag_run_id)
        case Workflow():
            return format_place(item.created_at, item.workflow_id)
        case RejectedObject():
            return format_place(item.at, item.rejected_object_id)
        case Upload():
            return format_place(item.created_at, item.upload_id)


def month_below(place: str) -> str:
    """Return the month, ``2026-11``, that holds the places right below a place."""
    at, _, item_id = place.partition("#")
    return at[:7] if item_id else (datetime.fromisoformat(at) - _TICK).isoformat()[:7]


def start_of_month(month: str) -> str:
    """Return the place right before everything of a month."""
    return format_place(datetime.fromisoformat(f"{month}-01T00:00:00+00:00"))


def encode_cursor(place: str) -> str:
    """Return a place as the cursor that clients send back to us."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """Return the place that a cursor names.

    Raises
    ------
    InvalidInputError
        We did not issue the cursor.
    """
    try:
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise ValueError
        place = decode_text(cursor)
        match = _PLACE.fullmatch(place)
        if match is None:
            raise ValueError
        datetime.fromisoformat(match[1])
    except ValueError:
        raise InvalidInputError("The cursor is none of ours.") from None
    return place


def decode_text(cursor: str) -> str:
    """Return the text that a cursor was made of.

    Raises
    ------
    InvalidInputError
        The cursor was not made of a text.
    """
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError:  # what base64 and UTF-8 refuse is one too
        text = ""
    # S3 refuses control characters, which no place or key of ours holds.
    if not text or encode_cursor(text) != cursor or any(letter < " " for letter in text):
        raise InvalidInputError("The cursor is none of ours.")
    return text


@dataclass(frozen=True)
class ListQuery:
    """The filters of a list, and the page that is asked for.

    Parameters
    ----------
    since, until
        When the items were created, both included.
    state
        State of a run, or status of a workflow.

    Raises
    ------
    InvalidInputError
        We did not issue the cursor.
    """

    since: datetime
    until: datetime
    limit: int
    cursor: str | None = None
    state: str | None = None
    dag_id: str | None = None

    def __post_init__(self) -> None:
        if self.cursor is not None:
            decode_cursor(self.cursor)

    @property
    def lowest(self) -> str:
        """The lowest place of the period."""
        return format_place(self.since)

    @property
    def before(self) -> str:
        """The place that all items of the page lie below, so that new items do not shift it."""
        last = format_place(self.until + _TICK)
        return last if self.cursor is None else min(last, decode_cursor(self.cursor))

    def accepts(self, item: Listed) -> bool:
        """Tell whether an item has the state and the DAG that the query names."""
        state = item.status if isinstance(item, Workflow) else getattr(item, "state", None)
        dag_id = getattr(item, "dag_id", None)
        return self.state in (None, state) and self.dag_id in (None, dag_id)


@dataclass(frozen=True)
class Page(Generic[ItemT]):
    """One page of a list.

    Parameters
    ----------
    items
        There may be fewer than were asked for, even none, although another page follows.
    """

    items: list[ItemT]
    next_cursor: str | None


def choose_period(
    since: datetime | None, until: datetime | None, now: datetime
) -> tuple[datetime, datetime]:
    """Return the period of a list, both ends included; by default the 30 days up to `now`.

    Raises
    ------
    InvalidInputError
        The period ends before it begins, or is longer than 366 days.
    """
    try:
        until = until or now
        since = since or until - DEFAULT_PERIOD
        # Both ends must have a time before and behind them, and a place in UTC.
        _ = (since - _TICK).astimezone(UTC), (until + _TICK).astimezone(UTC)
    except OverflowError:
        raise InvalidInputError("There is no such time.") from None
    if since > until:
        raise InvalidInputError("The period ends before it begins.")
    if until - since > MAX_PERIOD:
        raise InvalidInputError(f"The period is longer than {MAX_PERIOD.days} days.")
    return since, until
