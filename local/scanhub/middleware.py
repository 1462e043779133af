"""The wire in front of all services: it records every call, and spoils those that faults name."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.scanhub.faults import Fault, FaultBoard
from local.scanhub.recorder import Recorder, find_service

GARBAGE = b"<html>\x00 this is no JSON"


class FaultyWire:
    """Pure ASGI middleware; it records also what a fault keeps from its service."""

    def __init__(self, app: ASGIApp, *, faults: FaultBoard, recorder: Recorder) -> None:
        self._app = app
        self._faults = faults
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        service = find_service(scope["path"]) if scope["type"] == "http" else None
        if service is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        self._recorder.add(_make_record(service, request, body))
        fault = self._faults.take_wire_fault(service, scope["method"], scope["path"])
        replay = _replay(body, receive)
        if fault is None:
            await self._app(scope, replay, send)
        else:
            await self._serve_spoilt(fault, scope, replay, send)

    async def _serve_spoilt(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []
        if fault.after_processing:
            answer = await self._process(scope, receive)
        if fault.kind == "slow":
            await asyncio.sleep(fault.delay_s)
            for message in answer or await self._process(scope, receive):
                await send(message)
        elif fault.kind == "status":
            refusal = JSONResponse({"detail": fault.detail}, fault.status or 503)
            await refusal(scope, receive, send)
        elif fault.kind == "garbage":
            garbage = Response(GARBAGE, fault.status or 200, media_type="application/json")
            await garbage(scope, receive, send)
        else:
            await _drop_connection(scope, receive)

    async def _process(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _make_record(service: str, request: Request, body: bytes) -> dict[str, Any]:
    return {
        "service": service,
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "headers": dict(request.headers),
        "body": body.decode(errors="replace"),
    }


async def _drop_connection(scope: Scope, receive: Receive) -> None:
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        # Without our server, an in-process client sees the same as after a reset.
        raise ConnectionResetError("The connection was dropped by a fault switch.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
