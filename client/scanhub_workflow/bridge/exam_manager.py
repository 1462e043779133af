"""exam-manager as the bridge needs it: results of tasks, in both generations of ScanHub."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import httpx
from pydantic import BaseModel

from scanhub_workflow.bounded import BoundedClient
from scanhub_workflow.bridge.reasons import CannotError
from scanhub_workflow.errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    UnexpectedAnswerError,
    UnreachableError,
)
from scanhub_workflow.http import Api, Call, ModelT, get, post
from scanhub_workflow.plain_http import refuse_plain_http
from scanhub_workflow.retry import Retry
from scanhub_workflow.version import __version__

BASE_PATH = "/api/v1/exam"
TIMEOUT = httpx.Timeout(15, connect=5)
TOTAL_S = 20


class Generation(StrEnum):
    """A contract of ScanHub, by the month in which it was observed."""

    MARCH_2025 = "2025-03"
    FEBRUARY_2026 = "2026-02"


class ExamResult(BaseModel):
    """A result: a blank one says that its files are on their way, or that they never came."""

    id: UUID
    type: str
    datetime_created: datetime
    directory: str = ""
    # 2026-02 has `files` and `meta`, 2025-03 one `filename`.
    files: list[str] = []
    filename: str = ""
    meta: dict[str, Any] | None = None

    @property
    def names(self) -> list[str]:
        """Names of its files."""
        return self.files or [name for name in [self.filename] if name]


class ExamTask(BaseModel):
    """A task and what it has led to."""

    id: UUID
    datetime_created: datetime
    datetime_updated: datetime | None = None
    results: list[ExamResult] = []


class ExamWorkflow(BaseModel):
    """A workflow with its tasks."""

    id: UUID
    tasks: list[ExamTask] = []

    @property
    def has_files(self) -> bool:
        """Whether a result names a folder of this workflow in the volume."""
        told = [result.directory for task in self.tasks for result in task.results]
        return any(f"/{self.id}/" in each and not each.startswith("s3://") for each in told)

    def find_task(self, task_id: str) -> ExamTask | None:
        """Return one of its tasks."""
        return next((task for task in self.tasks if str(task.id) == task_id.lower()), None)


class ResultContent(BaseModel):
    """What a result is set to (2026-02)."""

    type: str
    directory: str
    files: list[str]
    meta: dict[str, Any]


class _Document(BaseModel):
    paths: dict[str, Any] = {}
    components: dict[str, Any] = {}


class ExamManager:
    """exam-manager on behalf of the service account.

    Parameters
    ----------
    url
        Of ScanHub's gateway, or of exam-manager itself: scheme and host.
    token
        Of the service account.
    retry
        How often to try what may be repeated.
    transport
        How to reach it; httpx's own if left out.

    Raises
    ------
    ConfigurationError
        The URL is none, or others could read the token on its way.
    """

    def __init__(
        self, url: str, token: str, retry: Retry, transport: httpx.BaseTransport | None = None
    ) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL:
            base = httpx.URL()
        if base.scheme not in {"http", "https"} or not base.host or base.userinfo:
            raise ConfigurationError("ScanHub's URL is none: it is https:// and a host.")
        refuse_plain_http(base)
        self._http = BoundedClient(
            TOTAL_S,
            base_url=base.join(BASE_PATH),
            headers={
                "Authorization": f"Bearer {token}",
                "User-Agent": f"scanhub-workflow-bridge/{__version__}",
            },
            timeout=TIMEOUT,
            transport=transport,
        )
        self._api = Api(self._http, retry)

    def find_generation(self) -> Generation:
        """Return which contract it speaks, by its OpenAPI document.

        Raises
        ------
        ConfigurationError
            It speaks another one.
        """
        try:
            document = self._ask(get("openapi.json"), _Document)
        except NotFoundError:
            raise UnexpectedAnswerError("This is no exam-manager: check ScanHub's URL.") from None
        if any(path.endswith("/task/reorder") for path in document.paths):
            return Generation.FEBRUARY_2026
        schemas = document.components.get("schemas", {})
        if "type" in schemas.get("BaseTask", {}).get("properties", {}):
            return Generation.MARCH_2025
        raise ConfigurationError(
            "exam-manager speaks a contract that is neither 2025-03 nor 2026-02."
        )

    def get_workflow(self, workflow_id: UUID) -> ExamWorkflow | None:
        """Return a workflow with its tasks and their results; None if there is none any more."""
        try:
            return self._ask(get(f"workflow/{workflow_id}"), ExamWorkflow)
        except NotFoundError:
            return None

    def create_result(self, task_id: UUID) -> ExamResult:
        """Give a task a blank result (2026-02); sent once only.

        Parameters
        ----------
        task_id
            The task.
        """
        return self._ask(post("result", params={"task_id": str(task_id)}), ExamResult)

    def set_result(self, result_id: UUID, content: ResultContent) -> ExamResult:
        """Say what a result is (2026-02).

        Parameters
        ----------
        result_id
            The result.
        content
            All of it: what is left out would be reset.
        """
        arguments = {"json": content.model_dump(mode="json")}
        return self._ask(Call("PUT", f"result/{result_id}", True, arguments), ExamResult)

    def _ask(self, call: Call, model: type[ModelT]) -> ModelT:
        try:
            return self._api.ask(call, model)
        except UnreachableError:
            raise UnreachableError("exam-manager gave no answer.") from None
        except (AuthenticationError, NotFoundError):
            raise
        except ApiError as error:
            # Without its words, which may be anybody's.
            raise CannotError(f"exam-manager answered HTTP {error.status}.") from None

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
