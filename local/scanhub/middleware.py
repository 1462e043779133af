"""The wire in front of all services: it records every call, and spoils those that faults name."""

import asyncio
import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.scanhub.faults import Fault, FaultBoard
from local.scanhub.recorder import RecordedRequest, Recorder, find_service

GARBAGE = b"<html>\x00 this is no JSON"


class FaultyWire:
    """Pure ASGI middleware; it does not touch the control API.

    Parameters
    ----------
    recorder
        Keeps all requests, also those that a fault keeps from their service.
    """

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
        body = await _read_body(receive)
        self._recorder.add(_make_record(service, scope, body))
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
            answer = answer or await self._process(scope, receive)
        elif fault.kind == "status":
            body = json.dumps({"detail": fault.detail}).encode()
            answer = _make_answer(fault.status or 503, body)
        elif fault.kind == "garbage":
            answer = _make_answer(fault.status or 200, GARBAGE)
        else:
            await _drop_connection(scope, receive)
            return
        for message in answer:
            await send(message)

    async def _process(self, scope: Scope, receive: Receive) -> list[Message]:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, keep)
        return messages


async def _read_body(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _make_record(service: str, scope: Scope, body: bytes) -> RecordedRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return RecordedRequest(
        service=service,
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body.decode(errors="replace"),
    )


def _make_answer(status: int, body: bytes) -> list[Message]:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    ]


async def _drop_connection(scope: Scope, receive: Receive) -> None:
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        # Without our server, an in-process client sees the same as after a reset.
        raise ConnectionResetError("The connection was dropped by a fault switch.")
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
