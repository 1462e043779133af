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

RETRY_AFTER = {
    "Retry-After": {
        "description": "Others changed the same workflow at that moment: the "
        "same request may succeed after so many seconds.",
        "schema": {"type": "integer"},
    }
}


class ScanHubRouter(APIRouter):
    """A router whose every path also answers in its other form.

    API Gateway serves ``/x`` and ``/x/`` alike and tells the function which one was called; a 307
    would lead a client to a host name that is not ours.

    Parameters
    ----------
    *problem_statuses
        The errors that its routes may answer with, for the OpenAPI.
    **options
        As FastAPI takes them.
    """

    def __init__(self, *problem_statuses: int, **options: Any) -> None:
        problems: dict[int | str, dict[str, Any]] = {
            status: {
                "description": HTTPStatus(status).phrase,
                "content": {PROBLEM_JSON: {"schema": {"$ref": PROBLEM_REFERENCE}}},
            }
            for status in problem_statuses
        }
        if HTTPStatus.SERVICE_UNAVAILABLE in problems:
            problems[HTTPStatus.SERVICE_UNAVAILABLE]["headers"] = RETRY_AFTER
        super().__init__(responses=problems, **options)

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Add a route and its twin; only the route as declared is in the OpenAPI.

        Parameters
        ----------
        path
            As clients know it.
        endpoint
            What answers.
        **options
            As FastAPI takes them.
        """
        inline = _call_inline(endpoint)
        super().add_api_route(path, inline, **options)
        twin = path.rstrip("/") if path.endswith("/") else f"{path}/"
        super().add_api_route(twin, inline, **(options | {"include_in_schema": False}))


def _call_inline(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    # FastAPI would call it in a thread, so that it blocks no other request. On Lambda there is no
    # other, and with the dependencies those threads are 70 % of a request's processor time.
    @wraps(endpoint)
    async def inline(*args: Any, **kwargs: Any) -> Any:
        answer = endpoint(*args, **kwargs)
        return await answer if isawaitable(answer) else answer

    return inline


def strip_base_path(path: str) -> str:
    """Return the path below our base path, whatever stands before it.

    Parameters
    ----------
    path
        ``event["path"]``: a custom domain's base path is in it, the stage is not, and emulators
        differ.

    Returns
    -------
    str
        Beginning with a slash.
    """
    _, found, below = path.partition(API_BASE_PATH)
    return (below or "/") if found else path


def status_url(request: Request, collection: Literal["dag_runs", "workflows"], item_id: str) -> str:
    """Return where clients see a run or a workflow, on the host and base path they called.

    Parameters
    ----------
    request
        The request.
    collection, item_id
        Which one.
    """
    context = request.scope["aws.event"]["requestContext"]
    before, _, _ = context.get("path", "").partition(API_BASE_PATH)
    scheme = request.headers.get("x-forwarded-proto", "https")
    host = context.get("domainName") or request.headers.get("host", "")
    return f"{scheme}://{host}{before}{API_BASE_PATH}/{collection}/{item_id}/"
