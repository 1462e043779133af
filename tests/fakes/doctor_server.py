"""The API and S3 as the doctor sees them, in memory: all well, but for what a test changes."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from tools.openapi import DOCUMENT

BASE = "/api/v1/workflowmanager/"
UPLOAD_ID = "01KB0000000000000000000000"
SIGNATURE = "0123456789abcdef"
PART_URL = f"https://lake.s3.test/upload/key.npy?partNumber=1&X-Amz-Signature={SIGNATURE}"
WEB_ORIGIN = "https://scanhub.example"
DATE = "Mon, 23 Nov 2026 22:00:00 GMT"

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


def make_dag(dag_id: str, **fields: object) -> dict[str, object]:
    return {"dag_id": dag_id, "dag_display_name": dag_id, **fields}


def list_dags(*dags: dict[str, object], errors: Sequence[str] = ()) -> httpx.Response:
    tasks: dict[str, object] = {"dags": dags, "total_entries": len(dags)}
    if errors:
        tasks["import_errors"] = [{"filename": name, "error": "No."} for name in errors]
    return httpx.Response(200, json={"tasks": tasks})


def make_problem(status: int, detail: str = "No.", **more: str) -> httpx.Response:
    problem = {"type": "about:blank", "title": "", "status": status, "detail": detail, **more}
    return httpx.Response(status, json=problem, headers={"x-amzn-RequestId": "request-1"})


def refuse(request: httpx.Request) -> httpx.Response:
    """Return what our gateway says without a token, or with one that nobody has."""
    detail = "Invalid token." if "Authorization" in request.headers else "Not authenticated"
    return make_refusal(detail)


def make_refusal(detail: str = "Not authenticated", **changes: str) -> httpx.Response:
    headers = {"Content-Type": "application/problem+json", "WWW-Authenticate": "Bearer"} | changes
    problem = {"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": detail}
    return httpx.Response(401, content=json.dumps(problem), headers=headers)


def answer_preflight(**changes: str) -> httpx.Response:
    headers = {
        "Access-Control-Allow-Origin": WEB_ORIGIN,
        "Access-Control-Allow-Methods": "DELETE,GET,OPTIONS,POST",
        "Access-Control-Allow-Headers": "Authorization,Content-Type",
    }
    return httpx.Response(200, headers=headers | changes)


def answer_readiness(request: httpx.Request) -> httpx.Response:
    headers = {"Date": DATE}
    if request.headers.get("Origin") == WEB_ORIGIN:
        headers["Access-Control-Allow-Origin"] = WEB_ORIGIN
    return httpx.Response(200, json={"status": "ok", "degraded": []}, headers=headers)


def make_plan() -> dict[str, Any]:
    return {
        "upload_id": UPLOAD_ID,
        "state": "CREATED",
        "dag_id": "d",
        "task_id": None,
        "file_name": "doctor.npy",
        "size_bytes": 1,
        "part_size_bytes": 1,
        "n_parts": 1,
        "present": [],
        "parts": [{"part_number": 1, "size_bytes": 1, "url": PART_URL}],
        "expires_at": "2026-11-23T23:00:00Z",
    }


class FakeDoctorServer:
    """Answers by method and path below the base; what a test puts there may also be raised.

    Attributes
    ----------
    answers
        By "METHOD path"; S3's is "S3".
    base
        Path of the API.
    requests
        All that came, those to S3 included.
    """

    def __init__(self) -> None:
        self.base = BASE
        self.requests: list[httpx.Request] = []
        aborted = {"upload_id": UPLOAD_ID, "state": "ABORTED"}
        self.answers: dict[str, Answer] = {
            "GET health/readiness": answer_readiness,
            "GET health/readiness/": answer_readiness,
            "GET hello": refuse,
            "GET hello/": httpx.Response(200, json={"message": "Hello, World!"}),
            "GET openapi.json": httpx.Response(200, text=DOCUMENT.read_text()),
            "GET tasks/": list_dags(make_dag("d")),
            "OPTIONS uploads/": answer_preflight(),
            "POST uploads/": httpx.Response(201, json=make_plan()),
            f"DELETE uploads/{UPLOAD_ID}/": httpx.Response(200, json=aborted),
            "S3": httpx.Response(200, headers={"Access-Control-Allow-Origin": WEB_ORIGIN}),
        }

    def degrade(self, *names: str) -> None:
        readiness = {"status": "ok", "degraded": names}
        headers = {"Access-Control-Allow-Origin": WEB_ORIGIN}
        self.answers["GET health/readiness"] = httpx.Response(200, json=readiness, headers=headers)

    def change_document(self, change: Callable[[dict[str, Any]], None]) -> None:
        document = json.loads(DOCUMENT.read_text())
        change(document)
        self.answers["GET openapi.json"] = httpx.Response(200, json=document)

    def answer_api(self, request: httpx.Request) -> httpx.Response:
        return self._answer(f"{request.method} {request.url.path.removeprefix(self.base)}", request)

    def answer_s3(self, request: httpx.Request) -> httpx.Response:
        return self._answer("S3", request)

    def list_requests(self) -> list[str]:
        return [f"{each.method} {each.url.path.removeprefix(self.base)}" for each in self.requests]

    def _answer(self, name: str, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)
