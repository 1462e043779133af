"""The API's uploads and S3 behind them, in memory, with parts of any size."""

import json
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
from awscrt.checksums import crc64nvme

Fault = Callable[[int, int], httpx.Response | None]
UPLOAD_ID = "01KB0000000000000000000000"


def encode(body: bytes) -> str:
    return b64encode(crc64nvme(body).to_bytes(8, "big")).decode()


def refuse(status: int, detail: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "", "status": status, "detail": detail})


class FakeUploadServer:
    """Keeps parts as S3 does; URLs carry the generation they were signed in.

    Attributes
    ----------
    put_fault, api_fault
        Answers in place of S3, given part number and how often it came, or of the API, given how
        many requests it had; may raise.
    storage_url
        Base of the URLs of parts.
    """

    def __init__(self, part_size_bytes: int) -> None:
        self.part_size_bytes = part_size_bytes
        self.token = "a-token"
        self.parts: dict[int, bytes] = {}
        self.puts: Counter[int] = Counter()
        self.requests: list[httpx.Request] = []
        self.generation = 0
        self.expired_status = 403
        self.storage_url = "https://data-lake.s3.invalid"
        self.tells_crc = True
        self.state = "CREATED"
        self.whole = b""
        self.body: dict[str, Any] = {}
        self.put_fault: Fault = lambda part_number, n_puts: None
        self.api_fault: Callable[[int], httpx.Response | None] = lambda n_requests: None
        self._lock = threading.Lock()

    @property
    def n_parts(self) -> int:
        return -(-int(self.body["size_bytes"]) // self.part_size_bytes)

    def size_of(self, part_number: int) -> int:
        before = (part_number - 1) * self.part_size_bytes
        return min(self.part_size_bytes, int(self.body["size_bytes"]) - before)

    def answer_api(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            if fault := self.api_fault(len(self.requests)):
                return fault
            assert request.headers["Authorization"] == f"Bearer {self.token}"
            match request.method, request.url.path:
                case "POST", "/api/uploads/":
                    self.body = json.loads(request.content)
                    return httpx.Response(201, json=self._view(1, 100))
                case "GET", _ if self.body:
                    params = request.url.params
                    view = self._view(int(params["from_part"]), int(params["limit"]))
                    return httpx.Response(200, json=view)
                case "POST", _ if self.body:
                    return self._complete(json.loads(request.content))
                case _:
                    return refuse(404, "Upload not found.")

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as API or as S3."""
        is_s3 = str(request.url).startswith(self.storage_url)
        return self.answer_s3(request) if is_s3 else self.answer_api(request)

    def answer_s3(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        with self._lock:
            return self._put(request, body)

    def _put(self, request: httpx.Request, body: bytes) -> httpx.Response:
        part_number = int(request.url.params["partNumber"])
        self.puts[part_number] += 1
        assert "Authorization" not in request.headers
        assert int(request.headers["Content-Length"]) == len(body)
        assert "Transfer-Encoding" not in request.headers
        if fault := self.put_fault(part_number, self.puts[part_number]):
            return fault
        if int(request.url.params["generation"]) < self.generation:
            return httpx.Response(self.expired_status, text="<Code>AccessDenied</Code>")
        self.parts[part_number] = body
        headers = {"x-amz-checksum-crc64nvme": encode(body)} if self.tells_crc else {}
        return httpx.Response(200, headers={"ETag": f'"{part_number}"', **headers})

    def _view(self, from_part: int, limit: int) -> dict[str, Any]:
        numbers = range(from_part, self.n_parts + 1)
        missing = [n for n in numbers if len(self.parts.get(n, b"")) != self.size_of(n)]
        return {
            "upload_id": UPLOAD_ID,
            "state": self.state,
            "dag_id": self.body.get("dag_id"),
            "task_id": self.body.get("task_id"),
            "file_name": self.body["file_name"],
            "size_bytes": self.body["size_bytes"],
            "part_size_bytes": self.part_size_bytes,
            "n_parts": self.n_parts,
            "present": [self._present(n) for n in sorted(self.parts)],
            "parts": [self._sign(n) for n in missing[:limit]],
            "expires_at": datetime(2026, 11, 23, tzinfo=UTC).isoformat(),
            "a_field_of_a_newer_server": 1,
        }

    def _present(self, number: int) -> dict[str, Any]:
        body = self.parts[number]
        crc = encode(body) if self.tells_crc else None
        fields = {"etag": f'"{number}"', "size_bytes": len(body), "crc64nvme": crc}
        return {"part_number": number, **fields}

    def _sign(self, number: int) -> dict[str, Any]:
        query = f"partNumber={number}&generation={self.generation}&X-Amz-Signature=secret"
        url = f"{self.storage_url}/key?{query}"
        return {"part_number": number, "size_bytes": self.size_of(number), "url": url}

    def _complete(self, sent: dict[str, Any]) -> httpx.Response:
        if self.state != "COMPLETED":
            whole = b"".join(self.parts[number] for number in sorted(self.parts))
            numbers = [part["part_number"] for part in sent["parts"]]
            if numbers != list(range(1, self.n_parts + 1)):
                return refuse(409, "A part is missing from the list of parts.")
            if sent["crc64nvme"] != encode(whole):
                return refuse(409, "The file in S3 has another CRC-64/NVME than yours.")
            self.state, self.whole = "COMPLETED", whole
        done = {"upload_id": UPLOAD_ID, "state": self.state, "status_url": None}
        return httpx.Response(200, json={**done, "dag_run_id": "run-1"})
