"""Why an operation failed, for the doctor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx

from scanhub_workflow.doctor.reachability import CHECK_NETWORK, TELL_OPERATOR
from scanhub_workflow.errors import (
    ApiError,
    ScanHubError,
    ServerError,
    UnexpectedAnswerError,
    UnreachableError,
)

AnswerT = TypeVar("AnswerT")


def ask(call: Callable[[], AnswerT]) -> AnswerT:
    """Return what an operation returns; whatever else a server can answer is an error of ours.

    Parameters
    ----------
    call
        The operation.

    Raises
    ------
    ScanHubError
        It failed.
    """
    try:
        return call()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        raise UnexpectedAnswerError("The answer cannot be read.") from None


def explain_error(error: ScanHubError) -> tuple[str, str]:
    """Return why an operation failed and what to do.

    Parameters
    ----------
    error
        Of any operation.
    """
    match error:
        case UnreachableError():
            return "No answer came any more.", f"{CHECK_NETWORK} Then run this again."
        case ServerError():
            return f"The server failed ({_identify(error)}).", TELL_OPERATOR
        case ApiError():
            advice = "Tell the operator of the server, with the time and this line."
            return f"The server refused ({_identify(error)}).", advice
    return (
        "The answer is none that this client knows.",
        "Update this client, or ask the operator what the server is.",
    )


def _identify(error: ApiError) -> str:
    request = f", request {error.request_id}" if error.request_id else ""
    return f"HTTP {error.status}{request}"
