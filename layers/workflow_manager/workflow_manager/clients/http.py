"""One way of calling a neighbour: a timeout, bounded retries, and every failure as one of ours."""

import json
import ssl
from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel

from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    UpstreamError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.text import replace_surrogates

TIMEOUT_S = 3.0
N_TRIES = 2

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
    return httpx.Client(
        timeout=TIMEOUT_S,
        follow_redirects=False,
        transport=transport,
        limits=limits,
        verify=_load_certificates(),
    )


@cache
def _load_certificates() -> ssl.SSLContext:
    # One for all clients: reading the authorities takes 10 ms and more.
    return httpx.create_ssl_context()


def exchange(
    client: httpx.Client, request: httpx.Request, detail: str, auth: httpx.Auth | None = None
) -> httpx.Response:
    """Send a request and return the answer, whatever its status; a GET is tried twice.

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
        The connection broke.
    """
    n_retries = N_TRIES - 1 if request.method == "GET" else 0
    while True:
        try:
            response = client.send(request, auth=auth)
            if response.status_code not in _TRANSIENT_STATUSES or n_retries == 0:
                return response
        except httpx.HTTPError as error:
            if n_retries == 0 or not isinstance(error, _NOT_CONNECTED + _DROPPED):
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
        What the service itself answers as ``detail`` when it refuses the request.

    Raises
    ------
    NeighbourRefusedError
        The answer has another status.
    """
    response = exchange(client, request, detail, auth)
    if not response.is_success:
        is_own = _read_detail(response) in own_words
        raise NeighbourRefusedError(detail, response.status_code, is_own=is_own)
    return response


def _read_detail(response: httpx.Response) -> str | None:
    try:
        body = response.json()
    except ValueError:
        return None
    said = body.get("detail") if isinstance(body, dict) else None
    return said if isinstance(said, str) else None


def read_json(response: httpx.Response, detail: str) -> Any:
    """Return the JSON of an answer.

    Raises
    ------
    UpstreamError
        It is not JSON.
    """
    try:
        return json.loads(_read_text(response))
    except ValueError:
        raise UpstreamError(detail) from None


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
    text = json.dumps(json.loads(response.content), ensure_ascii=False)
    return replace_surrogates(text)


def _translate(error: httpx.HTTPError, detail: str) -> UpstreamError:
    if isinstance(error, _NOT_CONNECTED):
        return UpstreamUnreachableError(detail)
    if isinstance(error, httpx.TimeoutException):
        return UpstreamTimeoutError(detail)
    return UpstreamError(detail)
