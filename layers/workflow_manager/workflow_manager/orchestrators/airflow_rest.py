"""The `Orchestrator` on the REST API of Airflow 3."""

from collections.abc import Callable
from typing import Any

import httpx

from workflow_manager.clients.auth import LoginAuth
from workflow_manager.clients.http import exchange, quote_segment, read_model
from workflow_manager.domain.errors import NotFoundError, UpstreamError
from workflow_manager.orchestrators.airflow_api import (
    MAX_N_PAGES,
    PAGE_SIZE,
    DagDocument,
    DagPage,
    HealthDocument,
    check_status,
)
from workflow_manager.ports import Dag
from workflow_manager.secrets import Credentials

_DETAIL = "Airflow failed."


class AirflowTokenAuth(LoginAuth):
    """Airflow 3's token, which lives for 24 hours."""

    service = "Airflow"
    # A token that has run out gets a 403 in some versions.
    refusals = frozenset({401, 403})

    def build_login(self, credentials: Credentials) -> httpx.Request:
        """Return the request that logs in."""
        body = {
            "username": credentials.username,
            "password": credentials.password.get_secret_value(),
        }
        return httpx.Request("POST", self._login_url, json=body)


class AirflowRestOrchestrator:
    """Airflow 3 over HTTP.

    Parameters
    ----------
    client
        From `build_http_client`.
    airflow_url
        Scheme, host and port.
    load_credentials
        Reads user name and password of our account in Airflow.
    """

    def __init__(
        self,
        client: httpx.Client,
        airflow_url: str,
        load_credentials: Callable[[], Credentials],
    ) -> None:
        self._client = client
        self._base_url = f"{airflow_url.rstrip('/')}/api/v2"
        self._auth = AirflowTokenAuth(f"{airflow_url.rstrip('/')}/auth/token", load_credentials)

    def list_dags(self) -> list[Dag]:
        """Return all DAGs, whatever the page size of the server."""
        dags: list[Dag] = []
        for _ in range(MAX_N_PAGES):
            params = {"limit": PAGE_SIZE, "offset": len(dags), "order_by": "dag_id"}
            response = self._get("dags", params=params)
            check_status(response.status_code)
            page = read_model(DagPage, response, _DETAIL)
            dags += [document.to_dag() for document in page.dags]
            if not page.dags or len(dags) >= page.total_entries:
                break
        return dags

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it."""
        response = self._get(f"dags/{quote_segment(dag_id)}")
        try:
            check_status(response.status_code, dag_id)
        except NotFoundError:
            return None
        return read_model(DagDocument, response, _DETAIL).to_dag()

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: dict[str, str | None]) -> None:
        """Create a run; never repeated here, for the queue repeats it under the same id.

        Raises
        ------
        ConflictError
            Airflow answered that such a run exists; `has_dag_run` tells whether it is ours.
        NotFoundError
            Airflow does not know the DAG.
        InvalidInputError
            Airflow refuses the id or the conf.
        """
        request = self._client.build_request(
            "POST",
            f"{self._base_url}/dags/{quote_segment(dag_id)}/dagRuns",
            # No logical date: two runs of one DAG must not conflict by theirs.
            json={"dag_run_id": dag_run_id, "logical_date": None, "conf": conf},
        )
        response = exchange(self._client, request, _DETAIL, self._auth)
        check_status(response.status_code, dag_id)

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""
        path = f"dags/{quote_segment(dag_id)}/dagRuns/{quote_segment(dag_run_id)}"
        try:
            check_status(self._get(path).status_code)
        except NotFoundError:
            return False
        return True

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""
        response = self._get("monitor/health")
        check_status(response.status_code)
        if not read_model(HealthDocument, response, _DETAIL).is_healthy:
            raise UpstreamError("Airflow's scheduler or database is not healthy.")

    def _get(self, path: str, params: dict[str, Any] | None = None) -> httpx.Response:
        request = self._client.build_request("GET", f"{self._base_url}/{path}", params=params)
        return exchange(self._client, request, _DETAIL, self._auth)
