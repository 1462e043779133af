"""An Airflow 3 or 2 that answers over HTTP with the statuses and bodies of the real one."""

import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx

from workflow_manager.settings import AirflowApiVersion

LOG = re.compile(r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/logs/(\d+)")
RUNS = re.compile(r"/dags/([^/]+)/dagRuns(?:/([^/]+))?")
LIST_RUNS = "/dags/~/dagRuns/list"
TASK_INSTANCES = "/dags/~/dagRuns/~/taskInstances/list"
# The date by which a list of runs is bounded, and all that the bodies of lists may hold.
RUN_DATE = {"v1": "execution_date", "v2": "run_after"}
PAGING = {"page_limit", "page_offset"}
USERNAME, PASSWORD = "service", "secret-password"
BASIC = f"Basic {b64encode(f'{USERNAME}:{PASSWORD}'.encode()).decode()}"
# What a list leaves out unless it is told otherwise, and how.
OUT_OF_USE = {"v1": ("only_active", "is_active", False), "v2": ("exclude_stale", "is_stale", True)}


class FakeAirflow:
    """The part of the REST API that is used; `handle` serves an `httpx.MockTransport`.

    Attributes
    ----------
    states
        DAG id → fields of its document that are not as usual.
    runs
        DAG id and run id → body of the request that created it.
    dates
        The same → when that was.
    run_states
        The same → fields of its document that are not as usual.
    task_states
        The same → fields of its tasks that are not as usual.
    logs
        Task id → what it has logged, of every run; the others have no log.
    import_errors
        What it answers for files that it cannot read, the oldest first; None: it refuses.
    n_tasks
        How many tasks every run has.
    """

    def __init__(self, n_dags: int = 1, version: AirflowApiVersion = "v2") -> None:
        self.version = version
        self.dag_ids = [f"dag_{n:03}" for n in range(n_dags)]
        self.states: dict[str, dict[str, Any]] = {}
        self.runs: dict[tuple[str, str], dict[str, Any]] = {}
        self.run_states: dict[tuple[str, str], dict[str, Any]] = {}
        self.task_states: dict[tuple[str, str], dict[str, Any]] = {}
        self.dates: dict[tuple[str, str], str] = {}
        self.logs: dict[str, Any] = {}
        self.import_errors: list[dict[str, Any]] | None = []
        self.n_tasks = 1
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
        if path == "/importErrors":
            return self._list_import_errors(request.url.params)
        if path == LIST_RUNS:
            return self._list_runs(json.loads(request.content))
        if path == TASK_INSTANCES:
            return self._list_task_instances(json.loads(request.content))
        if match := LOG.fullmatch(path):
            log = self.logs.get(unquote(match[3]))
            return self._found(log and {"content": log, "continuation_token": None})
        if match := RUNS.fullmatch(path):
            dag_id, dag_run_id = (unquote(part or "") for part in match.groups())
            return self._serve_runs(request, dag_id, dag_run_id)
        dag_id = unquote(path.removeprefix("/dags/"))
        return self._found(self._dag(dag_id) if dag_id in self.dag_ids else None)

    def expire_token(self) -> None:
        """Make the present token invalid, as time does."""
        self.token = "another token"

    def _login(self, body: dict[str, str]) -> httpx.Response:
        if body != {"username": USERNAME, "password": PASSWORD}:
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

    def _list_import_errors(self, params: httpx.QueryParams) -> httpx.Response:
        if self.import_errors is None:
            return httpx.Response(403, json={"detail": "Forbidden"})
        newest_first = params.get("order_by") == "-import_error_id"
        found = self.import_errors[:: -1 if newest_first else 1]
        page = found[: min(int(params["limit"]), 100)]
        return httpx.Response(200, json={"import_errors": page, "total_entries": len(found)})

    def _list_runs(self, body: dict[str, Any]) -> httpx.Response:
        date = RUN_DATE[self.version]
        bounds = {f"{date}_gte", f"{date}_lte"}
        if refusal := self._refuse_fields(
            body, PAGING | bounds | {"dag_ids", "states", "order_by"}
        ):
            return refusal
        earliest, latest = (datetime.fromisoformat(body[bound]) for bound in sorted(bounds))
        found = [
            run
            for ids, run in ((ids, self._run(*ids)) for ids in self.runs)
            if ids[0] in body["dag_ids"]
            and earliest <= datetime.fromisoformat(run[date]) <= latest
            and run["state"] in body.get("states", [run["state"]])
        ]
        return self._page("dag_runs", found, body)

    def _list_task_instances(self, body: dict[str, Any]) -> httpx.Response:
        if refusal := self._refuse_fields(body, PAGING | {"dag_ids", "dag_run_ids"}):
            return refusal
        found = [
            self._task(dag_id, dag_run_id, number)
            for dag_id, dag_run_id in self.runs
            if dag_id in body["dag_ids"] and dag_run_id in body["dag_run_ids"]
            for number in range(self.n_tasks)
        ]
        return self._page("task_instances", found, body)

    def _page(self, name: str, found: list[Any], body: dict[str, Any]) -> httpx.Response:
        offset, limit = body.get("page_offset", 0), min(body["page_limit"], 100)
        page = found[offset : offset + limit]
        return httpx.Response(200, json={name: page, "total_entries": len(found)})

    def _serve_runs(self, request: httpx.Request, dag_id: str, dag_run_id: str) -> httpx.Response:
        ids = (dag_id, dag_run_id)
        if dag_id not in self.dag_ids or request.method in {"GET", "PATCH"}:
            if request.method == "PATCH" and ids in self.runs:
                # Whatever it was, a success too.
                self.run_states[ids] = json.loads(request.content) | {"end_date": _now()}
            return self._found(self._run(*ids) if ids in self.runs else None)
        body = json.loads(request.content)
        if refusal := (self._refuse_v1(body) if self.version == "v1" else self._refuse_v2(body)):
            return refusal
        if (dag_id, body["dag_run_id"]) in self.runs:
            detail: Any = {"reason": "Unique constraint violation"}
            if self.version == "v1":
                detail = "DAGRun already exists"
            return httpx.Response(409, json={"detail": detail})
        self.runs[dag_id, body["dag_run_id"]] = body
        self.dates[dag_id, body["dag_run_id"]] = _now()
        created = self._run(dag_id, body["dag_run_id"]) | {"state": "queued"}
        return httpx.Response(200, json=created)

    def _refuse_fields(self, body: dict[str, Any], known: set[str]) -> httpx.Response | None:
        status = 400 if self.version == "v1" else 422
        return httpx.Response(status, json={"detail": "unknown"}) if set(body) - known else None

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

    def _run(self, dag_id: str, dag_run_id: str) -> dict[str, Any]:
        ids = (dag_id, dag_run_id)
        version = {"version_number": 3, "bundle_version": None, "bundle_name": "dags-folder"}
        return {
            **({"dag_versions": [version]} if self.version == "v2" else {}),
            "dag_id": dag_id,
            "dag_run_id": dag_run_id,
            "state": "queued",
            "start_date": None,
            "end_date": None,
            RUN_DATE[self.version]: self.dates[ids],
            "conf": self.runs[ids]["conf"],
            **self.run_states.get(ids, {}),
        }

    def _task(self, dag_id: str, dag_run_id: str, number: int) -> dict[str, Any]:
        run = self._run(dag_id, dag_run_id)
        is_over = run["state"] in {"success", "failed"}
        return {
            "dag_id": dag_id,
            "dag_run_id": dag_run_id,
            "task_id": f"task_{number}",
            "map_index": -1,
            "state": run["state"] if is_over else None,
            "start_date": None,
            "end_date": run["end_date"],
            "try_number": int(is_over),
            **self.task_states.get((dag_id, dag_run_id), {}),
        }

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


def _now() -> str:
    return datetime.now(UTC).isoformat()
