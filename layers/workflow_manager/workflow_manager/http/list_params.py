"""The query parameters of lists."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.listing import MAX_CURSOR_LENGTH, ListQuery, choose_period
from workflow_manager.http.dependencies import CallerDep

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
# Of what was asked for in vain, in the answer.
MAX_N_SHOWN, MAX_SHOWN_LENGTH = 3, 40
# The base64 of a key of 1024 characters, each of up to four bytes.
MAX_KEY_CURSOR_LENGTH = 5462

Limit = Annotated[
    int, Query(ge=1, le=MAX_LIMIT, description="Greatest number of items; there may be fewer.")
]
EventId = Annotated[
    str | None,
    Query(
        pattern="^[0-9A-HJKMNP-TV-Z]{26}$",
        description="`next_cursor` of the page before, or the last `event_id` that you know.",
    ),
]
_Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before."),
]
KeyCursor = Annotated[
    str | None,
    Query(max_length=MAX_KEY_CURSOR_LENGTH, description="`next_cursor` of the page before."),
]
_From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=40,
        description="ISO date or date-time, UTC unless it says otherwise; 30 days before `to`.",
        examples=["2026-11-01"],
    ),
]
_To = Annotated[
    str | None,
    Query(
        alias="to",
        max_length=40,
        description="The same, a date to its end; now. At most 366 days after `from`.",
        examples=["2026-11-23T12:00:00Z"],
    ),
]


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not know: a filter with a typo filters nothing.

    Raises
    ------
    InvalidInputError
        There is one; the message names those that there are.
    """
    known = set(_list_names(request.scope["route"].dependant))
    if unknown := sorted({*request.query_params} - known):
        names = ", ".join(repr(name[:MAX_SHOWN_LENGTH]) for name in unknown[:MAX_N_SHOWN])
        raise InvalidInputError(
            f"There is no query parameter {names}; there are {', '.join(sorted(known))}."
        )


def _list_names(dependant: Dependant) -> Iterator[str]:
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _list_names(each)


async def get_list_query(
    request: Request,
    caller: CallerDep,
    since: _From = None,
    until: _To = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: _Cursor = None,
) -> ListQuery:
    """Return the query of a list, without the list's own filters."""
    refuse_unknown_parameters(request)
    first = parse_time("from", since, time.min) if since is not None else None
    last = parse_time("to", until, time.max) if until is not None else None
    return ListQuery(*choose_period(first, last, caller.cause.at), limit, cursor)


ListQueryDep = Annotated[ListQuery, Depends(get_list_query)]


def parse_time(name: str, text: str, time_of_day: time) -> datetime:
    """Return the time that a text names: an ISO date-time, or a date with `time_of_day`.

    Raises
    ------
    InvalidInputError
        The text is neither; the message says which parameter.
    """
    try:
        return datetime.combine(date.fromisoformat(text), time_of_day, UTC)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{name} is neither an ISO date nor a date-time; + is written %2B in a URL."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
