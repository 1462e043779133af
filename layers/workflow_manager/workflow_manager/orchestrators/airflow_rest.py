"""The `Orchestrator` on an Airflow that is reached by its URL."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from workflow_manager.clients.auth import AuthFlow, LoginAuth
from workflow_manager.clients.http import exchange, parse_json
from workflow_manager.domain.urls import quote_segment
from workflow_manager.orchestrators.airflow import AirflowOrchestrator
from workflow_manager.orchestrators.answers import DETAIL, Answer
from workflow_manager.orchestrators.pace import Pace
from workflow_manager.secrets import Credentials
from workflow_manager.settings import AirflowApiVersion

# Airflow 2 refuses bad credentials with a 403; so does Airflow 3 an expired token.
_REFUSALS = frozenset({401, 403})


class AirflowTokenAuth(LoginAuth):
    """Airflow 3's token, which lives for 24 hours."""

    service = "Airflow"
    refusals = _REFUSALS

    def build_login(self, credentials: Credentials) -> httpx.Request:
        """Return the request that logs in."""
        body = {
            "username": credentials.username,
            "password": credentials.password.get_secret_value(),
        }
        return httpx.Request("POST", self._login_url, json=body)


class AirflowBasicAuth(httpx.Auth):
    """Airflow 2's user name and password; read once more when they are refused.

    Parameters
    ----------
    load_credentials
        Reads user name and password.
    """

    def __init__(self, load_credentials: Callable[[], Credentials]) -> None:
        self._load_credentials = load_credentials
        self._header: str | None = None

    def auth_flow(self, request: httpx.Request) -> AuthFlow:
        """Add the credentials to a request; a changed password is used at once."""
        used = self._header or self._read_header()
        request.headers["Authorization"] = used
        response = yield request
        if response.status_code in _REFUSALS and self._header:
            if (renewed := self._read_header()) == used:
                return
            request.headers["Authorization"] = used = renewed
            response = yield request
        self._header = None if response.status_code in _REFUSALS else used

    def _read_header(self) -> str:
        credentials = self._load_credentials()
        pair = f"{credentials.username}:{credentials.password.get_secret_value()}"
        return f"Basic {b64encode(pair.encode()).decode()}"


class AirflowRestOrchestrator(AirflowOrchestrator):
    """Airflow over HTTP.

    Parameters
    ----------
    client
        From `build_http_client`.
    airflow_url
        Scheme, host, port and the path below which Airflow is served, if any.
    load_credentials
        Reads user name and password of our account in Airflow.
    api_version
        ``v2`` for Airflow 3 (a token), ``v1`` for Airflow 2 (Basic).
    pace
        Holds requests back.
    """

    def __init__(
        self,
        client: httpx.Client,
        airflow_url: str,
        load_credentials: Callable[[], Credentials],
        api_version: AirflowApiVersion = "v2",
        pace: Pace | None = None,
    ) -> None:
        super().__init__(api_version, pace)
        self.is_login_certain = api_version != "v1"
        self._client = client
        self._root = root = airflow_url.rstrip("/")
        self._base_url = f"{root}/api/{api_version}"
        self._auth: httpx.Auth = (
            AirflowBasicAuth(load_credentials)
            if api_version == "v1"
            else AirflowTokenAuth(f"{root}/auth/token", load_credentials)
        )

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str:
        """Return where people see the run in Airflow's own pages."""
        ids = {"dag_id": quote_segment(dag_id), "dag_run_id": quote_segment(dag_run_id)}
        return self._root + self._api.run_page.format(**ids)

    def _exchange(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        url = self._base_url + path
        request = self._client.build_request(method, url, params=params, json=body)
        response = exchange(self._client, request, DETAIL, self._auth)
        return Answer(response.status_code, parse_json(response))
