"""Requests to the API and answers from it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from scanhub_workflow.errors import (
    ApiError,
    AuthenticationError,
    InvalidIdError,
    UnexpectedAnswerError,
    UnreachableError,
    choose_error,
)
from scanhub_workflow.models import (
    DagRunList,
    EventList,
    Problem,
    RejectedObjectList,
    ResultList,
    UploadList,
    WorkflowList,
)
from scanhub_workflow.retry import Retry, read_retry_after

ModelT = TypeVar("ModelT", bound=BaseModel)
PageT = TypeVar(
    "PageT", WorkflowList, DagRunList, EventList, ResultList, RejectedObjectList, UploadList
)

# Longer than API Gateway lets a function work (29 s).
TIMEOUT = httpx.Timeout(35, connect=10)
TOTAL_S = 50
MAX_NAMED_PLACES = 5
_PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Call:
    """A request to the API.

    Parameters
    ----------
    is_repeatable
        Whether to send it twice does what to send it once does. A scan is never started twice.
    arguments
        For httpx: ``params``, ``json``, ``headers``, ``files``.
    """

    method: str
    path: str
    is_repeatable: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)


def get(path: str, **arguments: Any) -> Call:
    """Return a call that reads."""
    return Call("GET", path, is_repeatable=True, arguments=arguments)


def post(path: str, **arguments: Any) -> Call:
    """Return a call that is sent once only."""
    return Call("POST", path, arguments=arguments)


def make_path(*segments: str) -> str:
    """Return a path of the API.

    Parameters
    ----------
    segments
        Names and ids; an id may hold anything but be empty or dots.

    Raises
    ------
    InvalidIdError
        An id would lead to another path, or is no text.
    """
    if any(segment.strip(".") == "" for segment in segments):
        raise InvalidIdError("An id is empty.")
    try:
        return "/".join(quote(segment, safe="") for segment in segments) + "/"
    except UnicodeEncodeError:
        raise InvalidIdError("An id holds bytes that are no text.") from None


class Api:
    """The API at one URL, on behalf of one user.

    Parameters
    ----------
    http
        Knows the URL and the token.
    retry
        How often to try what may be repeated.
    """

    def __init__(self, http: httpx.Client, retry: Retry) -> None:
        self.http = http
        self.retry = retry

    def ask(self, call: Call, model: type[ModelT]) -> ModelT:
        """Send a request and return its answer.

        Parameters
        ----------
        call
            The request.
        model
            What the answer is.

        Raises
        ------
        ApiError
            The API refused it.
        UnreachableError
            No answer came.
        UnexpectedAnswerError
            The answer is no such model.
        """
        return parse(self.send(call), model)

    def send(self, call: Call) -> httpx.Response:
        """Send a request and return its answer as it came: a 2xx, or a 304.

        Parameters
        ----------
        call
            The request; `ask` has the errors.
        """
        n_failed = 0
        while True:
            answer = self._try(call)
            n_failed += 1
            if answer is not None and answer.status_code not in _PASSING:
                break
            if not call.is_repeatable or n_failed >= self.retry.n_attempts:
                break
            self.retry.wait(n_failed, read_retry_after(answer))
        if answer is None:
            raise UnreachableError("The API gave no answer: check its URL and your network.")
        return _check(answer)

    def iterate(self, call: Call, model: type[PageT]) -> Iterator[PageT]:
        """Yield the pages of a list; each is fetched when it is needed.

        Parameters
        ----------
        call
            The request for the first page.
        model
            What a page is.
        """
        params = dict(call.arguments["params"])
        while True:
            page = self.ask(get(call.path, params=params), model)
            yield page
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor

    def _try(self, call: Call) -> httpx.Response | None:
        try:
            return self.http.request(call.method, call.path, **call.arguments)
        except httpx.TransportError:
            return None
        except httpx.DecodingError:
            raise UnexpectedAnswerError("The answer is damaged: is a proxy on the way?") from None


class Operations:
    """Operations of the API.

    Parameters
    ----------
    api
        The API, on behalf of one user.
    """

    def __init__(self, api: Api) -> None:
        self._api = api


def parse(answer: httpx.Response, model: type[ModelT]) -> ModelT:
    """Return what an answer holds.

    Parameters
    ----------
    answer
        A 2xx.
    model
        What it is.

    Raises
    ------
    UnexpectedAnswerError
        It is no such model.
    """
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        found = sorted({".".join(map(str, e["loc"])) or "all" for e in error.errors()})
        places = ", ".join(found[:MAX_NAMED_PLACES])
        if len(found) > MAX_NAMED_PLACES:
            places += f" and {len(found) - MAX_NAMED_PLACES} more"
    # Without the cause, which shows the data.
    raise UnexpectedAnswerError(
        f"The answer is no {model.__name__} ({places}): check the URL, or update this client."
    )


def _check(answer: httpx.Response) -> httpx.Response:
    if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
        return answer
    if answer.status_code < 400:
        raise UnexpectedAnswerError("The URL leads elsewhere (a redirect): check it.")
    raise _read_refusal(answer)


def _read_refusal(answer: httpx.Response) -> ApiError:
    status = answer.status_code
    if _is_turned_away(answer):
        request_id = answer.headers.get("x-amzn-requestid")
        return AuthenticationError(status, "Invalid token.", request_id=request_id)
    detail, reason = answer.reason_phrase or "The request was refused.", None
    try:
        known = {"type": "about:blank", "title": detail, "status": status}
        problem = Problem.model_validate(known | answer.json())
    except (ValueError, TypeError):
        # A proxy's page, say.
        pass
    else:
        reason = problem.reason
        detail = (
            problem.detail
            if isinstance(problem.detail, str)
            else "; ".join(
                f"{'.'.join(map(str, field.loc))}: {field.msg}" for field in problem.detail
            )
        )
    return choose_error(status)(status, detail, reason, answer.headers.get("x-amzn-requestid"))


def _is_turned_away(answer: httpx.Response) -> bool:
    # API Gateway's own words, where nothing has replaced them by a 401 (an emulator does not): its
    # authorizer lets each known user in.
    is_refusal = answer.status_code == httpx.codes.FORBIDDEN
    return is_refusal and "User is not authorized to access this resource" in answer.text


def hide_signatures(record: logging.LogRecord) -> bool:
    """Cut the query off the URLs in httpx's log: a presigned one lets its reader write.

    Parameters
    ----------
    record
        A line of the log.
    """
    if isinstance(record.args, tuple):
        record.args = tuple(
            arg.copy_with(query=None) if isinstance(arg, httpx.URL) else arg for arg in record.args
        )
    return True


# httpx logs the URL of every request.
logging.getLogger("httpx").addFilter(hide_signatures)
