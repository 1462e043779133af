"""An Airflow 3 or 2 that answers over HTTP with the statuses and bodies of the real one."""

import json
import re
from base64 import b64encode
from typing import Any
from urllib.parse import unquote

import httpx

from workflow_manager.settings import AirflowApiVersion

RUNS = re.compile(r"/dags/([^/]+)/dagRuns(?:/([^/]+))?")
TASK_INSTANCES = "/dags/~/dagRuns/~/taskInstances/list"
BASIC = f"Basic {b64encode(b'service:secret-password').decode()}"
# What a list leaves out unless it is told otherwise, and how.
OUT_OF_USE = {"v1": ("only_active", "is_active", False), "v2": ("exclude_stale", "is_stale", True)}


class FakeAirflow:
    """The part of the REST API that is used; `handle` serves an `httpx.MockTransport`.

    Attributes
    ----------
    states
        DAG id → fields of its document that are not as usual.
    """

    def __init__(self, n_dags: int = 1, version: AirflowApiVersion = "v2") -> None:
        self.version = version
        self.dag_ids = [f"dag_{n:03}" for n in range(n_dags)]
        self.states: dict[str, dict[str, Any]] = {}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.requests: list[httpx.Request] = []
        self.token = "token-0"
        self.n_logins = 0
        self.health = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        full_path = request.url.raw_path.decode().partition("?")[0]
        path = full_path.removeprefix(f"/api/{self.version}")
        if path == "/auth/token" and self.version == "v2":
            return self._login(json.loads(request.content))
        if path == full_path:
            return httpx.Response(404, text="<html>not found</html>")
        if path == ("/health" if self.version == "v1" else "/monitor/health"):
            return httpx.Response(200, json=self.health)
        if refusal := self._refuse(request.headers.get("Authorization")):
            return refusal
        if path == "/dags":
            return self._list_dags(request.url.params)
        if path == TASK_INSTANCES:
            return self._list_task_instances(json.loads(request.content))
        if match := RUNS.fullmatch(path):
            dag_id, dag_run_id = (unquote(part or "") for part in match.groups())
            return self._serve_runs(request, dag_id, dag_run_id)
        dag_id = unquote(path.removeprefix("/dags/"))
        return self._found(self._dag(dag_id) if dag_id in self.dag_ids else None)

    def expire_token(self) -> None:
        """Make the present token invalid, as time does."""
        self.token = "another token"

    def _login(self, body: dict[str, str]) -> httpx.Response:
        if body != {"username": "service", "password": "secret-password"}:
            return httpx.Response(401, json={"detail": "Invalid credentials"})
        self.n_logins += 1
        self.token = f"token-{self.n_logins}"
        return httpx.Response(201, json={"access_token": self.token})

    def _refuse(self, authorization: str | None) -> httpx.Response | None:
        if self.version == "v1":
            is_known = authorization == BASIC
            return None if is_known else httpx.Response(403, json={"title": "Forbidden"})
        is_known = authorization == f"Bearer {self.token}"
        return None if is_known else httpx.Response(401, json={"detail": "Not authenticated"})

    def _list_dags(self, params: httpx.QueryParams) -> httpx.Response:
        offset, limit = int(params["offset"]), min(int(params["limit"]), 100)
        switch, field, out_of_use = OUT_OF_USE[self.version]
        dags = [self._dag(dag_id) for dag_id in self.dag_ids]
        if params.get(switch) != "false":
            dags = [dag for dag in dags if dag[field] is not out_of_use]
        page = dags[offset : offset + limit]
        return httpx.Response(200, json={"dags": page, "total_entries": len(dags)})

    def _list_task_instances(self, body: dict[str, Any]) -> httpx.Response:
        ids = [(dag_id, run_id) for dag_id in body["dag_ids"] for run_id in body["dag_run_ids"]]
        n_found = sum(pair in self.runs for pair in ids)
        return httpx.Response(200, json={"task_instances": [], "total_entries": n_found})

    def _serve_runs(self, request: httpx.Request, dag_id: str, dag_run_id: str) -> httpx.Response:
        if dag_id not in self.dag_ids or request.method == "GET":
            return self._found(self.runs.get((dag_id, dag_run_id)))
        body = json.loads(request.content)
        if refusal := (self._refuse_v1(body) if self.version == "v1" else self._refuse_v2(body)):
            return refusal
        if (dag_id, body["dag_run_id"]) in self.runs:
            detail: Any = {"reason": "Unique constraint violation"}
            if self.version == "v1":
                detail = "DAGRun already exists"
            return httpx.Response(409, json={"detail": detail})
        self.runs[dag_id, body["dag_run_id"]] = body
        return httpx.Response(200, json={"dag_run_id": body["dag_run_id"], "state": "queued"})

    def _refuse_v1(self, body: dict[str, Any]) -> httpx.Response | None:
        if set(body) - {"dag_run_id", "conf"}:
            return httpx.Response(400, json={"detail": "{'logical_date': ['not nullable']}"})
        if not re.fullmatch(r"[A-Za-z0-9_.~:+-]+", body["dag_run_id"]):
            return httpx.Response(500, text="<html>Ooops!</html>")
        return None

    def _refuse_v2(self, body: dict[str, Any]) -> httpx.Response | None:
        if "logical_date" not in body or set(body) - {"dag_run_id", "logical_date", "conf"}:
            return httpx.Response(422, json={"detail": [{"type": "missing"}]})
        if not re.fullmatch(r"[A-Za-z0-9_.~:+-]+", body["dag_run_id"]):
            return httpx.Response(400, json={"detail": "The run_id does not match the pattern"})
        return None

    def _found(self, document: dict[str, Any] | None) -> httpx.Response:
        if document is None:
            return httpx.Response(404, json={"detail": "was not found"})
        return httpx.Response(200, json=document)

    def _dag(self, dag_id: str) -> dict[str, Any]:
        usual = {"is_active": True} if self.version == "v1" else {"is_stale": False}
        return {
            "dag_id": dag_id,
            "dag_display_name": dag_id.title(),
            "is_paused": False,
            "has_import_errors": False,
            **usual,
            "description": None,
            "tags": [{"name": "mri", "dag_id": dag_id}],
            "owners": ["airflow"],
            **self.states.get(dag_id, {}),
        }
