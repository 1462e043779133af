"""The API's results and S3 as `Client.download` sees them, in memory."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tests.fakes.upload_server import refuse

RUN_ID = "run-1"
PREFIX = f"result/{RUN_ID}/"
AT = "2026-11-23T22:00:00Z"
PIECE_SIZE_BYTES = 4


class FakeResultServer:
    """Offers files; URLs carry the generation they were signed in.

    Attributes
    ----------
    objects
        What S3 holds, by key.
    previews
        Keys of previews, by the key of what they show: no entries of their own.
    unavailable
        Reasons, by key.
    s3_fault, api_fault
        Answers in place of S3, given the key and how often it was asked for, or of the API, given
        how many requests it had; may raise.
    cut
        After how many bytes an answer ends, given the same as `s3_fault`.
    cut_error
        What a cut raises; None for an answer that merely ends.
    """

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = {PREFIX + name: body for name, body in objects.items()}
        self.previews: dict[str, str] = {}
        self.unavailable: dict[str, str] = {}
        self.state = "SUCCEEDED"
        self.generation = 0
        self.expired_status = 403
        self.is_ranging = True
        self.etag = '"1"'
        self.gets: Counter[str] = Counter()
        self.s3_requests: list[httpx.Request] = []
        self.api_paths: list[str] = []
        self.s3_fault: Callable[[str, int], httpx.Response | None] = lambda key, n: None
        self.api_fault: Callable[[int], httpx.Response | None] = lambda n: None
        self.cut: Callable[[str, int], int | None] = lambda key, n: None
        self.cut_error: Exception | None = httpx.ReadError("broken")
        self._lock = threading.Lock()

    def answer_api(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            assert request.headers["Authorization"] == "Bearer a-token"
            self.api_paths.append(request.url.path)
            if fault := self.api_fault(len(self.api_paths)):
                return fault
            if request.url.path == f"/api/dag_runs/{RUN_ID}/results/":
                return httpx.Response(200, json=self._list(request.url.params))
            if request.url.path == f"/api/dag_runs/{RUN_ID}/":
                return httpx.Response(200, json=self._view())
            return refuse(404, "Run not found.")

    def answer_s3(self, request: httpx.Request) -> httpx.Response:
        key = request.url.params["key"]
        with self._lock:
            self.gets[key] += 1
            self.s3_requests.append(request)
            n_gets = self.gets[key]
        assert "Authorization" not in request.headers
        assert request.headers["Accept-Encoding"] == "identity"
        if fault := self.s3_fault(key, n_gets):
            return fault
        if int(request.url.params["generation"]) < self.generation:
            text = "<Code>AccessDenied</Code><StringToSign>secret</StringToSign>"
            return httpx.Response(self.expired_status, text=text)
        if key not in self.objects:
            return httpx.Response(404, text="<Code>NoSuchKey</Code>")
        return self._send(request, self.objects[key], self.cut(key, n_gets))

    def _send(self, request: httpx.Request, body: bytes, cut: int | None) -> httpx.Response:
        headers = {"ETag": self.etag} if self.etag else {}
        status, begin = 200, 0
        if request.headers.get("If-Match", self.etag) != self.etag:
            return httpx.Response(412, text="<Code>PreconditionFailed</Code>")
        if self.is_ranging and (asked := request.headers.get("Range")):
            found = re.fullmatch(r"bytes=(\d+)-", asked)
            assert found
            status, begin = 206, int(found[1])
            if begin >= len(body):
                return httpx.Response(416, text="<Code>InvalidRange</Code>")
            headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
        headers["Content-Length"] = str(len(body) - begin)
        return httpx.Response(status, headers=headers, content=self._stream(body[begin:], cut))

    def _stream(self, body: bytes, cut: int | None) -> Iterator[bytes]:
        for at in range(0, len(body[:cut]), PIECE_SIZE_BYTES):
            yield body[:cut][at : at + PIECE_SIZE_BYTES]
        if cut is not None and self.cut_error:
            raise self.cut_error

    def _list(self, params: httpx.QueryParams) -> dict[str, Any]:
        hidden = set(self.previews.values())
        keys = sorted({*self.objects, *self.unavailable} - hidden)
        begin, limit = int(params.get("cursor", 0)), int(params["limit"])
        shown = keys[begin : begin + limit] if self.state == "SUCCEEDED" else []
        return {
            "dag_run_id": RUN_ID,
            "state": self.state,
            "expires_at": AT,
            "results": [self._offer(key) for key in shown],
            "next_cursor": str(begin + limit) if begin + limit < len(keys) else None,
        }

    def _offer(self, key: str) -> dict[str, Any]:
        reason, preview_key = self.unavailable.get(key), self.previews.get(key)
        has_preview = preview_key in self.objects
        return {
            "type": "DICOM",
            "key": key,
            "size_bytes": None if reason else len(self.objects[key]),
            "metadata": {},
            "url": None if reason else self._sign(key),
            "unavailable_reason": reason,
            "preview_key": preview_key,
            "preview_url": self._sign(preview_key) if preview_key and has_preview else None,
        }

    def _sign(self, key: str) -> str:
        params = {"key": key, "generation": self.generation, "X-Amz-Signature": "secret"}
        return str(httpx.URL("https://data-lake.s3.invalid/", params=params))

    def _view(self) -> dict[str, Any]:
        times = {"deadline": AT, "created_at": AT, "started_at": AT, "finished_at": None}
        return {
            "dag_run_id": RUN_ID,
            "dag_id": "d",
            "workflow_id": None,
            "task_id": None,
            "state": self.state,
            "progress": 100,
            "attempt": 1,
            "reason": None,
            "results": [],
            "airflow_url": None,
            "task_instances": None,
            **times,
        }
