"""What AWS answers, byte by byte, put between a client of botocore and the network."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSResponse


@dataclass(frozen=True)
class WireAnswer:
    """One answer of AWS."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Body(BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def answering(client: Any, answer: WireAnswer, asked: list[str] | None = None) -> Iterator[None]:
    """Let AWS answer just this to a client, also to moto's; `asked` gets the operations."""

    def send(request: Any, event_name: str, **_: Any) -> AWSResponse:
        if asked is not None:
            asked.append(event_name.rpartition(".")[2])
        headers = {"x-amzn-RequestId": "1", "x-amz-request-id": "1", **answer.headers}
        return AWSResponse(request.url, answer.status, headers, Body(answer.body))

    client.meta.events.register_first("before-send", send)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send", send)


def in_json(code: str, message: str, status: int = 400, query_code: str = "") -> WireAnswer:
    """Return an error of DynamoDB, EventBridge, Secrets Manager or SQS.

    SQS still sends the code of its older protocol, in a header.
    """
    body = {"__type": f"com.amazon.coral.service#{code}", "Message": message}
    headers = {"x-amzn-query-error": f"{query_code};Sender"} if query_code else {}
    return WireAnswer(status, json.dumps(body).encode(), headers)


def in_rest_json(code: str, body: Any, status: int) -> WireAnswer:
    """Return an error of MWAA."""
    return WireAnswer(status, json.dumps(body).encode(), {"x-amzn-ErrorType": code})


def in_xml(code: str, message: str, status: int = 403) -> WireAnswer:
    """Return an error of S3."""
    parts = f"<Code>{code}</Code><Message>{escape(message)}</Message><HostId>h</HostId>"
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{parts}</Error>'
    return WireAnswer(status, document.encode(), {"Content-Type": "application/xml"})
