"""Entity tags: a client that has the present state gets a short answer (RFC 9110, 13.1.2)."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response

from workflow_manager.domain.listing import Listed, Page, place_of
from workflow_manager.domain.pause import choose_pause_s
from workflow_manager.domain.workflow import Workflow
from workflow_manager.http.dependencies import give_clock

ListedT = TypeVar("ListedT", bound=Listed)

# How long an answer may be taken for unchanged by its version alone [s]: no longer than what the
# version misses may stay unseen. 0: it misses nothing.
LIST_LIFETIME_S, LIVE_LIFETIME_S = 60, 15
_LIFETIMES_S = (0, LIVE_LIFETIME_S, LIST_LIFETIME_S)
# Only the caller may cache the answer, and must ask before each use.
_ASK_EACH_TIME = "private, no-cache"
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ETAG_HEADER = {"description": "Of this state, for If-None-Match.", "schema": {"type": "string"}}
# The part of the OpenAPI for an endpoint that answers with a tag.
REVALIDATED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": _ETAG_HEADER}},
    304: {
        "description": "It still is what the tag in If-None-Match stands for.",
        "headers": {"ETag": _ETAG_HEADER},
    },
}


_PAUSE_HEADER = {
    "description": "While it goes on, how long to wait before asking again [s].",
    "schema": {"type": "integer"},
}
# The same for an endpoint that clients ask until what it shows has ended.
WATCHED: dict[int | str, dict[str, Any]] = {
    status: {**said, "headers": {**said["headers"], "Retry-After": _PAUSE_HEADER}}
    for status, said in REVALIDATED.items()
}
# In hexadecimal, seconds since 1970.
_TIME_IN_TAG = re.compile(r"[0-9a-f]{1,9}")


def make_etag(*facts: object) -> str:
    """Return the weak tag of a state.

    Parameters
    ----------
    *facts
        Values of JSON that differ where the state differs.
    """
    return f'W/"{_digest(facts)}"'


def _digest(facts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def is_known(if_none_match: str, etag: str) -> bool:
    """Tell whether a client has the state of a tag; tags are compared weakly, as the RFC demands.

    Parameters
    ----------
    if_none_match
        A list of tags, or ``*``; anything else matches nothing.
    """
    if if_none_match.strip() == "*":
        return True
    return etag.removeprefix("W/") in _ENTITY_TAG.findall(if_none_match)


def count_periods(lifetime_s: float) -> int:
    """Return the number of the present period of so many seconds, for the tag of what is live."""
    return int(give_clock()().timestamp() // lifetime_s)


def describe_workflow(workflow: Workflow | None) -> list[object] | None:
    """Return what differs whenever anything that is shown of a workflow and its runs does.

    Parameters
    ----------
    workflow
        None, or what was never written: nothing tells.
    """
    if workflow is None or workflow.version == 0:
        return None
    # One that was deleted may come again, and counts from 1.
    return [workflow.version, workflow.created_at.isoformat(), workflow.last_event_id]


def describe_page(page: Page[ListedT]) -> list[object]:
    """Return what differs whenever a page of a list does.

    Every write of an item counts its version up, and each change of a task or run that is shown
    with a workflow is a write of the workflow too.
    """
    seen = [(place_of(each), _version_of(each)) for each in page.items]
    return [page.next_cursor, *seen]


def _version_of(item: Listed) -> tuple[int, str | None]:
    # One that was deleted and processed anew counts from the start.
    return item.version, getattr(item, "last_event_id", None)


class Revalidation:
    """The tags of the states that a client has, and the response whose headers the answer gets.

    A tag has one part for what is shown, and where a single read tells a version, one for that and
    one for the time at which the next step is expected to end, if it is.
    """

    def __init__(self, request: Request, response: Response) -> None:
        # The header may repeat, unlike the parameter.
        known = ",".join(request.headers.getlist("if-none-match"))
        self._is_any = known.strip() == "*"
        self._tags = [_split(tag) for tag in _ENTITY_TAG.findall(known)]
        self._response = response
        self._version: list[object] | None = None
        # One release may show more than another, and a filter what another does not.
        release = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
        self._asked = (release, request.url.path.rstrip("/"), request.url.query)
        self._moved_at: datetime | None = None
        self._ends_at: datetime | None = None

    def tell_pause(self, moved_at: datetime | None) -> None:
        """Tell the client how long to wait before it asks again.

        Parameters
        ----------
        moved_at
            When what is shown last began or ended a step; None: it has ended, or never began.
        """
        self._moved_at = moved_at

    def expect(self, ends_at: datetime | None) -> None:
        """Tell the client to wait less the nearer the end of a step is, if one is expected."""
        self._ends_at = ends_at

    def recall(self, *version: object) -> Response | None:
        """Return a 304 if the client has an answer of this version; it is read before the answer.

        Parameters
        ----------
        *version
            Values of JSON that differ where the answer does; a None tells nothing.
        """
        if None in version:
            return None
        self._version = [*version]
        current = [self._sum_up(lifetime_s) for lifetime_s in _LIFETIMES_S]
        for shown, summary, ends_at in self._tags:
            if summary in current:
                # No item has told it, but the answer that the client keeps.
                self.expect(ends_at)
                return self._answer(f"{shown}.{summary}", is_unchanged=True)
        return None

    def find_page(
        self, find: Callable[[], Page[ListedT]], *version: object
    ) -> Page[ListedT] | Response:
        """Return a page of a list, or a 304 if the client has it.

        Parameters
        ----------
        find
            Reads the page, if it must be read.
        *version
            As `recall` takes it.
        """
        if unchanged := self.recall(*version):
            return unchanged
        page = find()
        seen = describe_page(page)
        return self.answer_unchanged(*seen, lifetime_s=LIST_LIFETIME_S) or page

    def answer_unchanged(
        self, *facts: object, lifetime_s: int = 0, cache_control: str = _ASK_EACH_TIME
    ) -> Response | None:
        """Return a 304 if the client has the state of these facts; else tag the answer.

        Parameters
        ----------
        *facts
            Values of JSON that differ where the answer does.
        lifetime_s
            How long the version of `recall` stands for it, 0 for ever [s].
        """
        shown = _digest([*self._asked, *facts])
        known = [ends_at for part, _, ends_at in self._tags if part == shown]
        if known and known[0] is not None:
            # It counts from when it was new: progress that stalls is no nearer to its end.
            self.expect(known[0])
        is_unchanged = self._is_any or bool(known)
        tag = f"{shown}.{self._sum_up(lifetime_s)}" if self._version else shown
        return self._answer(tag, cache_control, is_unchanged=is_unchanged)

    def _sum_up(self, lifetime_s: int) -> str:
        period = count_periods(lifetime_s) if lifetime_s else None
        return _digest([*self._asked, lifetime_s, period, self._version])

    def _answer(
        self, tag: str, cache_control: str = _ASK_EACH_TIME, *, is_unchanged: bool
    ) -> Response | None:
        if self._version and self._ends_at is not None:
            tag += f".{int(self._ends_at.timestamp()):x}"
        headers = {"ETag": f'W/"{tag}"', "Cache-Control": cache_control}
        if self._moved_at is not None:
            pause_s = choose_pause_s(self._moved_at, self._ends_at, give_clock()())
            headers["Retry-After"] = str(pause_s)
        self._response.headers.update(headers)
        return Response(status_code=304, headers=headers) if is_unchanged else None


def _split(tag: str) -> tuple[str, str, datetime | None]:
    shown, summary, ends_at = [*tag.strip('"').split("."), "", ""][:3]
    is_time = _TIME_IN_TAG.fullmatch(ends_at)
    return shown, summary, datetime.fromtimestamp(int(ends_at, 16), UTC) if is_time else None


async def get_revalidation(
    request: Request,
    response: Response,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="Tags of answers you have.")
    ] = None,
) -> Revalidation:
    """Return the tags that the client sent."""
    return Revalidation(request, response)


RevalidationDep = Annotated[Revalidation, Depends(get_revalidation)]
