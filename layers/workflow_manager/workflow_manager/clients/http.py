"""One way of calling a neighbour: an end, bounded retries, and every failure as one of ours."""

import json
import ssl
from collections.abc import Collection
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel
from pydantic_core import from_json

from workflow_manager.clients.auth import BearerAuth
from workflow_manager.deadline import (
    bound_client,
    is_spent,
    keep_no_cookies,
    limit,
    take_nothing_packed,
)
from workflow_manager.domain.errors import (
    LoginExpiredError,
    NeighbourRefusedError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.text import replace_surrogates

TIMEOUT_S = 3.0
N_TRIES = 2
# For all of one call: both tries, and the login that it may take.
TOTAL_S = N_TRIES * TIMEOUT_S

_TRANSIENT_STATUSES = frozenset({502, 503, 504})
_NOT_CONNECTED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# A connection that a frozen function kept alive may have been closed by the other side.
_DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

ModelT = TypeVar("ModelT", bound=BaseModel)


def build_http_client(
    transport: httpx.BaseTransport | None = None, *, is_pooled: bool = True
) -> httpx.Client:
    """Return a client that waits 3 s at most for each step and follows no redirect.

    Parameters
    ----------
    transport
        Stands in for the network.
    is_pooled
        Whether connections are kept for the next request.
    """
    limits = httpx.Limits(max_keepalive_connections=None if is_pooled else 0)
    client = httpx.Client(
        timeout=TIMEOUT_S,
        follow_redirects=False,
        transport=transport,
        limits=limits,
        verify=_load_certificates(),
    )
    bound_client(client)
    take_nothing_packed(client)
    keep_no_cookies(client)
    return client


@cache
def _load_certificates() -> ssl.SSLContext:
    # One for all clients: reading the authorities takes 10 ms and more.
    return httpx.create_ssl_context()


def exchange(
    client: httpx.Client, request: httpx.Request, detail: str, auth: httpx.Auth | None = None
) -> httpx.Response:
    """Send a request and return the answer, whatever its status; a GET is tried twice.

    It ends after `TOTAL_S`, however slowly the answer comes.

    Parameters
    ----------
    client
        From `build_http_client`.
    request
        Made by the client's ``build_request``, so that it carries the timeout.
    detail
        What to tell the caller when it fails.
    auth
        Adds the token.

    Returns
    -------
    httpx.Response
        The answer, read.

    Raises
    ------
    UpstreamUnreachableError
        Nothing was sent.
    UpstreamTimeoutError
        No answer in time.
    UpstreamError
        The connection broke, or the answer is packed or too large.
    """
    n_retries = N_TRIES - 1 if request.method == "GET" else 0
    with limit(TOTAL_S):
        while True:
            try:
                response = client.send(request, auth=auth)
                is_passing = response.status_code in _TRANSIENT_STATUSES and not is_spent()
                if n_retries == 0 or not is_passing:
                    return response
            except httpx.HTTPError as error:
                is_passing = isinstance(error, _NOT_CONNECTED + _DROPPED) and not is_spent()
                if n_retries == 0 or not is_passing:
                    raise _translate(error, detail) from error
            n_retries -= 1


def send(
    client: httpx.Client,
    request: httpx.Request,
    detail: str,
    auth: httpx.Auth | None = None,
    own_words: Collection[str] = (),
) -> httpx.Response:
    """Do as `exchange` does, and take nothing but a 2xx for an answer.

    Parameters
    ----------
    client, request, detail, auth
        As in `exchange`.
    own_words
        How the ``detail`` ends with which the service itself refuses the request; if there are any,
        a 422 that lists faults of the body is its own as well.

    Raises
    ------
    LoginExpiredError
        The caller's token is refused.
    NeighbourRefusedError
        The answer has another status.
    UpstreamRefusedError
        Our own account is refused: no business of the caller.
    """
    response = exchange(client, request, detail, auth)
    check_login(response, detail, auth)
    if not response.is_success:
        is_own = _is_own(response, own_words)
        raise NeighbourRefusedError(detail, response.status_code, is_own=is_own)
    return response


def check_login(response: httpx.Response, detail: str, auth: httpx.Auth | None) -> None:
    """Refuse an answer that refuses the token; one without a token has nothing to refuse."""
    if auth is None or response.status_code != httpx.codes.UNAUTHORIZED:
        return
    if isinstance(auth, BearerAuth):
        raise LoginExpiredError
    raise UpstreamRefusedError(detail, response.status_code)


def _is_own(response: httpx.Response, own_words: Collection[str]) -> bool:
    body = parse_json(response)
    said = body.get("detail") if isinstance(body, dict) else None
    if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and own_words:
        # A body that it does not take, with a line for each fault of it: FastAPI's form.
        return isinstance(said, list)
    return isinstance(said, str) and said.endswith(tuple(own_words))


def parse_json(response: httpx.Response) -> Any:
    """Return the JSON of an answer; None if it is null or something else."""
    try:
        return _parse(response)
    except ValueError:
        return None


def read_json(response: httpx.Response, detail: str) -> Any:
    """Return the JSON of an answer.

    Raises
    ------
    UpstreamError
        It is not JSON.
    """
    try:
        return _parse(response)
    except ValueError:
        raise UpstreamError(detail) from None


def _parse(response: httpx.Response) -> Any:
    # Python's own takes what cannot be sent on, and breaks at a thousand brackets.
    return from_json(_read_text(response), allow_inf_nan=False)


def read_model(model: type[ModelT], response: httpx.Response, detail: str) -> ModelT:
    """Return an answer as a model.

    Raises
    ------
    UpstreamError
        It does not fit.
    """
    try:
        return model.model_validate_json(_read_text(response))
    except ValueError:
        # Without its cause: pydantic quotes what it was given, a patient's record perhaps.
        raise UpstreamError(detail) from None


def _read_text(response: httpx.Response) -> bytes | str:
    # One task with half of a pair of surrogates must not hide all others.
    if b"\\ud" not in response.content.lower():
        return response.content
    try:
        text = json.dumps(json.loads(response.content), ensure_ascii=False)
    except RecursionError:
        raise ValueError("too deep") from None
    return replace_surrogates(text)


def _translate(error: httpx.HTTPError, detail: str) -> UpstreamError:
    if isinstance(error, _NOT_CONNECTED):
        return UpstreamUnreachableError(detail)
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeoutError(detail)
    return UpstreamError(detail)
