"""Routes that answer with and without their trailing slash, and never redirect."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from inspect import isawaitable
from typing import Any, Literal

from fastapi import APIRouter, Request

API_BASE_PATH = "/v1/workflowmanager"
PROBLEM_JSON = "application/problem+json"
PROBLEM_REFERENCE = "#/components/schemas/Problem"

# When to send the same request again, by the status that tells it.
RETRY_AFTER = {
    HTTPStatus.SERVICE_UNAVAILABLE: "Others changed the same workflow at that moment: the "
    "same request may succeed after so many seconds.",
    HTTPStatus.TOO_MANY_REQUESTS: "Somebody else is logging in: try again after so many seconds.",
}


class ScanHubRouter(APIRouter):
    """A router whose every path is also served with, or without, a trailing slash.

    API Gateway treats ``/x`` and ``/x/`` alike and passes on which one was called. A 307 would lead
    a client to a host name that is not ours.

    Parameters
    ----------
    *problem_statuses
        The error statuses of its routes, for the OpenAPI.
    """

    def __init__(self, *problem_statuses: int, **options: Any) -> None:
        problems: dict[int | str, dict[str, Any]] = {
            status: {
                "description": HTTPStatus(status).phrase,
                "content": {PROBLEM_JSON: {"schema": {"$ref": PROBLEM_REFERENCE}}},
            }
            for status in problem_statuses
        }
        for status in RETRY_AFTER.keys() & problems.keys():
            header = {"description": RETRY_AFTER[status], "schema": {"type": "integer"}}
            problems[status]["headers"] = {"Retry-After": header}
        super().__init__(responses=problems, **options)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route and its twin; only the route as declared is in the OpenAPI."""
        inline = _call_inline(endpoint)
        super().add_api_route(path, inline, **options)
        twin = path.rstrip("/") if path.endswith("/") else f"{path}/"
        super().add_api_route(twin, inline, **(options | {"include_in_schema": False}))


def _call_inline(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    # FastAPI would call it in a thread, so that it blocks no other request. On Lambda there is no
    # other request, and such threads, also of dependencies, take 70 % of a request's processor
    # time.
    @wraps(endpoint)
    async def inline(*args: Any, **kwargs: Any) -> Any:
        answer = endpoint(*args, **kwargs)
        return await answer if isawaitable(answer) else answer

    return inline


def strip_base_path(path: str) -> str:
    """Return the path below our base path, with a leading slash.

    Parameters
    ----------
    path
        ``event["path"]``: it holds the base path of a custom domain but not the stage, and
        emulators differ.
    """
    _, found, below = path.partition(API_BASE_PATH)
    return (below or "/") if found else path


def status_url(request: Request, collection: Literal["dag_runs", "workflows"], item_id: str) -> str:
    """Return the URL of a run or a workflow, on the host and base path of the request."""
    context = request.scope["aws.event"]["requestContext"]
    before, _, _ = context.get("path", "").partition(API_BASE_PATH)
    scheme = request.headers.get("x-forwarded-proto", "https")
    host = context.get("domainName") or request.headers.get("host", "")
    return f"{scheme}://{host}{before}{API_BASE_PATH}/{collection}/{item_id}/"
