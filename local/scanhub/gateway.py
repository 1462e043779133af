"""ScanHub's gateway (nginx) before the workflow manager: our API on the host of its neighbours.

As docs/scanhub.md configures it: bodies are buffered, no cookie comes through, and API Gateway
hears its own name.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, Request, Response

from local.scanhub.dependencies import StandInDep

BASE_PATH = "/api/v1/workflowmanager/"
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
CONNECT_TIMEOUT_S = 2.0
# API Gateway answers within 29 s, and takes and hands on no more than these bytes.
ANSWER_TIMEOUT_S = 35.0
MAX_BODY_BYTES = 10 * 1024 * 1024
# Of one connection, not of a message.
HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
NOT_SENT = HOP_BY_HOP | {b"content-length", b"cookie", b"host"}
# Our server says these itself.
NOT_ANSWERED = HOP_BY_HOP | {b"date", b"server"}
# With it, ScanHub's gateway isolates every page: what comes from elsewhere needs CORS.
ISOLATION = (b"cross-origin-embedder-policy", b"require-corp")

router = APIRouter()


class TooLargeError(Exception):
    """A body is larger than API Gateway lets through."""


def make_client() -> httpx.AsyncClient:
    """Return a client for loopback, which ignores a proxy of the environment."""
    timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    return httpx.AsyncClient(timeout=timeout, trust_env=False)


@router.api_route(BASE_PATH + "{path:path}", methods=METHODS, include_in_schema=False)
async def forward(request: Request, stand_in: StandInDep) -> Response:
    """Hand a request on to the API, and its answer back."""
    base_url = stand_in.scanner.settings.workflow_manager_url
    if ".." in request.scope["path"].split("/"):
        # Beside the API, the emulator has the data lake and all else.
        return _refuse(400, "Bad Request")
    try:
        body = await _read(request.stream())
    except TooLargeError:
        return _refuse(413, "Request Entity Too Large")
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            return await _ask(request, f"{base_url}/{_find_target(request)}", body)
    except (TimeoutError, httpx.TimeoutException):
        return _refuse(504, "Gateway Time-out")
    except (httpx.HTTPError, httpx.InvalidURL, TooLargeError):
        return _refuse(502, "Bad Gateway")


def _find_target(request: Request) -> str:
    """Return path and query below the base path, as they were sent."""
    path: str = request.scope["raw_path"].decode("ascii").removeprefix(BASE_PATH)
    query: str = request.scope["query_string"].decode("ascii")
    return f"{path}?{query}" if query else path


async def _ask(request: Request, url: str, body: bytes) -> Response:
    client: httpx.AsyncClient = request.state.gateway
    sent = [pair for pair in request.headers.raw if pair[0] not in NOT_SENT]
    async with client.stream(request.method, url, headers=sent, content=body) as upstream:
        # Compressed, where it is: the browser unpacks it.
        content = await _read(upstream.aiter_raw())
    answer = Response(content, upstream.status_code)
    told = [(name.lower(), value) for name, value in upstream.headers.raw]
    answer.raw_headers = [pair for pair in told if pair[0] not in NOT_ANSWERED]
    if upstream.is_success:
        answer.raw_headers.append(ISOLATION)
    return answer


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise TooLargeError
    return bytes(content)


def _refuse(status: int, words: str) -> Response:
    """Answer with nginx's own page."""
    page = f"<html>\r\n<head><title>{status} {words}</title></head>\r\n<body></body>\r\n</html>\r\n"
    return Response(page, status, media_type="text/html")
