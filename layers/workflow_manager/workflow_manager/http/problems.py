"""Errors as RFC 9457 problems, with `detail` as ScanHub's clients read it."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from workflow_manager.contract import Contract, get_contract
from workflow_manager.domain import errors
from workflow_manager.domain.text import replace_surrogates
from workflow_manager.http.routing import PROBLEM_JSON
from workflow_manager.observability import (
    count_server_error,
    count_upstream_failure,
    log_unexpected,
    logger,
)

# Most derived first: the first class that fits names the status.
STATUS_BY_ERROR: dict[type[errors.ScanHubError], HTTPStatus] = {
    errors.InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.AuthenticationError: HTTPStatus.UNAUTHORIZED,
    errors.PermissionDeniedError: HTTPStatus.FORBIDDEN,
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.VersionConflictError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.TurnTakenError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.PayloadTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.MisconfiguredError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.MissingPermissionError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ForeignContractError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UpstreamTimeoutError: HTTPStatus.GATEWAY_TIMEOUT,
    errors.UpstreamError: HTTPStatus.BAD_GATEWAY,
}
# Others were first: the same request may succeed a moment later.
RETRY_AFTER_S = 1
# A login takes user-login-manager so long.
TURN_AFTER_S = 2
# A neighbour's own words about the request or its availability; its other failures are our 502.
_PASSED_THROUGH = frozenset({400, 401, 403, 404, 409, 422, 503})


def problem(
    status: int, detail: Any, reason: str | None = None, members: Mapping[str, Any] | None = None
) -> JSONResponse:
    """Return a problem as an answer.

    Parameters
    ----------
    status
        HTTP status.
    detail
        A sentence, or FastAPI's list of validation errors.
    reason
        More for the operator, where ScanHub's `detail` is a fixed text.
    members
        More for programs: extension members of the problem.
    """
    status = HTTPStatus(status)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status,
        "detail": detail,
    }
    if reason is not None:
        body["reason"] = reason
    body = {**body, **(members or {})}
    body = json.loads(replace_surrogates(json.dumps(body, ensure_ascii=False)))
    headers = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
    return JSONResponse(body, status, headers, PROBLEM_JSON)


def status_of(error: errors.ScanHubError) -> int:
    """Return the status that an error becomes.

    Parameters
    ----------
    error
        Any error of a use case.
    """
    if isinstance(error, errors.NeighbourRefusedError) and error.status in _PASSED_THROUGH:
        return error.status
    for kind, status in STATUS_BY_ERROR.items():
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of `app` become a problem.

    Parameters
    ----------
    app
        A function's app.
    """
    app.add_middleware(UnexpectedErrorMiddleware)

    @app.exception_handler(errors.ScanHubError)
    async def answer_known(_: Request, error: errors.ScanHubError) -> JSONResponse:
        status = status_of(error)
        logger.info("refused", extra={"error": type(error).__name__, "status": status})
        answer = problem(status, *_tell(error), error.members)
        if isinstance(error, errors.VersionConflictError):
            answer.headers["Retry-After"] = str(RETRY_AFTER_S)
        elif isinstance(error, errors.TurnTakenError):
            answer.headers["Retry-After"] = str(TURN_AFTER_S)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _count(error)
        return answer

    @app.exception_handler(HTTPException)
    async def answer_framework(_: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, error.detail)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # Without `input`: what was sent must not come back into somebody's log.
        kept = [{name: item[name] for name in ("loc", "msg", "type")} for item in error.errors()]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, kept)


def _tell(error: errors.ScanHubError) -> tuple[str, str | None]:
    # By this word alone, ScanHub's page of 2026-02 logs its user out.
    is_new = get_contract() is Contract.FEBRUARY_2026
    if is_new and isinstance(error, errors.LoginExpiredError):
        return "Invalid token.", error.detail
    return error.detail, error.reason


def _count(error: errors.ScanHubError) -> None:
    # What the deployment itself is refused has a metric of its own.
    if isinstance(error, errors.UpstreamError):
        if not isinstance(error, errors.MissingPermissionError):
            count_upstream_failure()
    else:
        count_server_error()


class UnexpectedErrorMiddleware:
    """Answers 500 with a fixed text and logs where, but not what: messages may hold data."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app.

        Parameters
        ----------
        scope, receive, send
            ASGI's.
        """
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - the last line before the caller
            log_unexpected(error)
            count_server_error()
            await problem(500, "Internal Server Error")(scope, receive, send)
