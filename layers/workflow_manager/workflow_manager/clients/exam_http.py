"""What every generation of exam-manager has in common: where it is, and how it refuses."""

from collections.abc import Callable
from typing import ClassVar

import httpx
from pydantic import SecretStr

from workflow_manager.clients.generations import find_foreign
from workflow_manager.clients.http import read_json, send
from workflow_manager.contract import Contract
from workflow_manager.domain.pseudonym import make_pseudonym

NO_DOCUMENT = "Failed to fetch exam-manager's OpenAPI document"


class ExamHttp:
    """Exam-manager over HTTP.

    Parameters
    ----------
    client
        From `build_http_client`.
    exam_manager_uri
        Scheme, host and port.
    auth
        On whose behalf.
    load_pseudonym_key
        Reads the key of the patients' pseudonyms; called when one is made.
    """

    contract: ClassVar[Contract]
    # How exam-manager itself refuses a workflow or task for good; a proxy says something else.
    refusals: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        client: httpx.Client,
        exam_manager_uri: str,
        auth: httpx.Auth,
        load_pseudonym_key: Callable[[], SecretStr],
    ) -> None:
        self._client = client
        self._base_url = f"{exam_manager_uri.rstrip('/')}/api/v1/exam"
        self._auth = auth
        self._load_pseudonym_key = load_pseudonym_key

    def pseudonymize(self, patient_id: str) -> str:
        """Return the pseudonym of a patient, which is all of him that we keep."""
        return make_pseudonym(self._load_pseudonym_key().get_secret_value(), patient_id)

    def find_foreign_contract(self) -> str | None:
        """Return in words that exam-manager is of another generation; None: it says nothing so."""
        # Without a token: nobody need be logged in for it.
        request = self._client.build_request("GET", f"{self._base_url}/openapi.json")
        response = send(self._client, request, NO_DOCUMENT)
        return find_foreign(read_json(response, NO_DOCUMENT), self.contract)

    def _get(self, path: str, detail: str) -> httpx.Response:
        request = self._client.build_request("GET", f"{self._base_url}/{path}")
        return send(self._client, request, detail, self._auth, self.refusals)

    def _change(self, method: str, path: str, body: object | None, detail: str) -> httpx.Response:
        request = self._client.build_request(method, f"{self._base_url}/{path}", json=body)
        response = send(self._client, request, detail, self._auth, self.refusals)
        # A page of a proxy is no answer of exam-manager.
        read_json(response, detail)
        return response


def task_detail(task_id: str) -> str:
    """Return what a caller is told if a task cannot be fetched."""
    return f"Failed to fetch task with id={task_id}"
