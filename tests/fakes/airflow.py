"""An Airflow 3 that answers over HTTP with the statuses and bodies of the real one."""

import json
import re
from typing import Any
from urllib.parse import unquote

import httpx

RUNS = re.compile(r"/api/v2/dags/([^/]+)/dagRuns(?:/([^/]+))?")


class FakeAirflow:
    """The part of the REST API that is used; `handle` serves an `httpx.MockTransport`."""

    def __init__(self, n_dags: int = 1) -> None:
        self.dag_ids = [f"dag_{n:03}" for n in range(n_dags)]
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self.token = "token-0"
        self.n_logins = 0
        self.health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.raw_path.decode().partition("?")[0]
        if path == "/auth/token":
            return self._login(json.loads(request.content))
        if path == "/api/v2/monitor/health":
            return httpx.Response(200, json=self.health)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"detail": "Not authenticated"})
        if path == "/api/v2/dags":
            return self._list_dags(request.url.params)
        if match := RUNS.fullmatch(path):
            dag_id, dag_run_id = (unquote(part or "") for part in match.groups())
            return self._serve_runs(request, dag_id, dag_run_id)
        dag_id = unquote(path.removeprefix("/api/v2/dags/"))
        return self._found(_dag(dag_id) if dag_id in self.dag_ids else None)

    def expire_token(self) -> None:
        """Make the present token invalid, as time does."""
        self.token = "another token"

    def _login(self, body: dict[str, str]) -> httpx.Response:
        if body != {"username": "service", "password": "secret-password"}:
            return httpx.Response(401, json={"detail": "Invalid credentials"})
        self.n_logins += 1
        self.token = f"token-{self.n_logins}"
        return httpx.Response(201, json={"access_token": self.token})

    def _list_dags(self, params: httpx.QueryParams) -> httpx.Response:
        offset, limit = int(params["offset"]), min(int(params["limit"]), 100)
        page = [_dag(dag_id) for dag_id in self.dag_ids[offset : offset + limit]]
        return httpx.Response(200, json={"dags": page, "total_entries": len(self.dag_ids)})

    def _serve_runs(self, request: httpx.Request, dag_id: str, dag_run_id: str) -> httpx.Response:
        if dag_id not in self.dag_ids or request.method == "GET":
            return self._found(self.runs.get((dag_id, dag_run_id)))
        body = json.loads(request.content)
        if "logical_date" not in body or set(body) - {"dag_run_id", "logical_date", "conf"}:
            return httpx.Response(422, json={"detail": [{"type": "missing"}]})
        if not re.fullmatch(r"[A-Za-z0-9_.~:+-]+", body["dag_run_id"]):
            return httpx.Response(400, json={"detail": "The run_id does not match the pattern"})
        if (dag_id, body["dag_run_id"]) in self.runs:
            return httpx.Response(409, json={"detail": {"reason": "Unique constraint violation"}})
        self.runs[dag_id, body["dag_run_id"]] = body
        return httpx.Response(200, json={"dag_run_id": body["dag_run_id"], "state": "queued"})

    def _found(self, document: dict[str, Any] | None) -> httpx.Response:
        if document is None:
            return httpx.Response(404, json={"detail": "was not found"})
        return httpx.Response(200, json=document)


def _dag(dag_id: str) -> dict[str, Any]:
    return {
        "dag_id": dag_id,
        "dag_display_name": dag_id.title(),
        "is_paused": False,
        "has_import_errors": False,
        "description": None,
        "tags": [{"name": "mri", "dag_id": dag_id}],
        "owners": ["airflow"],
    }
