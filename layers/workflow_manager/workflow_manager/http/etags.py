"""Entity tags: a client that has the present state gets a short answer (RFC 9110, 13.1.2)."""

import hashlib
import json
import os
import re
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response

from workflow_manager.domain.listing import Listed, Page, place_of

ListedT = TypeVar("ListedT", bound=Listed)

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


def make_etag(*facts: object) -> str:
    """Return the weak tag of a state.

    Parameters
    ----------
    *facts
        Values of JSON that differ where the state differs.
    """
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


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


def describe_page(page: Page[ListedT], *filters: str | None) -> list[object]:
    """Return what differs whenever a page of a list does, or would with other filters.

    Every write of an item counts its version up, and each change of a task that is shown is a write
    of its workflow too. The release counts, for another one may show more of the same.
    """
    seen = [(place_of(each), _version_of(each)) for each in page.items]
    release = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    return [release, *filters, page.next_cursor, *seen]


def _version_of(item: Listed) -> tuple[int, str | None]:
    # One that was deleted and processed anew counts from the start.
    return item.version, getattr(item, "last_event_id", None)


class Revalidation:
    """The tags of the states that a client has, and the response whose headers the answer gets."""

    def __init__(self, known: str, response: Response) -> None:
        self._known = known
        self._response = response

    def answer_unchanged(self, *facts: object) -> Response | None:
        """Return a 304 if the client has the state of these facts; else tag the answer."""
        etag = make_etag(*facts)
        # Only the caller may cache the answer, and must ask before each use.
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        self._response.headers.update(headers)
        return Response(status_code=304, headers=headers) if is_known(self._known, etag) else None


async def get_revalidation(
    request: Request,
    response: Response,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="Tags of answers you have.")
    ] = None,
) -> Revalidation:
    """Return the tags that the client sent; the header may repeat, unlike the parameter."""
    return Revalidation(",".join(request.headers.getlist("if-none-match")), response)


RevalidationDep = Annotated[Revalidation, Depends(get_revalidation)]
