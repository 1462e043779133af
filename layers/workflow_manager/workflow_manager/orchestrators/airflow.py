"""The `Orchestrator` on Airflow's REST API, however its requests travel."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ValidationError

from workflow_manager.clients.http import quote_segment
from workflow_manager.domain.errors import InvalidInputError, UpstreamError
from workflow_manager.orchestrators.airflow_api import (
    AIRFLOW_APIS,
    MAX_N_PAGES,
    PAGE_SIZE,
    DagDocument,
    DagPage,
    HealthDocument,
    TaskInstancePage,
    check_status,
    check_success,
)
from workflow_manager.ports import Dag
from workflow_manager.settings import AirflowApiVersion

DETAIL = "Airflow failed."
TRANSIENT_STATUSES = frozenset({502, 503, 504})

# Airflow's own rule, [scheduler] allowed_run_id_pattern; Airflow 2 answers 500 to what breaks it.
_DAG_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
_RUNS = "/dagRuns"

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Answer:
    """What Airflow answered.

    Attributes
    ----------
    status
        HTTP status.
    content
        The body's JSON; None if it is something else.
    """

    status: int
    content: Any = None

    def read(self, model: type[ModelT]) -> ModelT:
        """Return the content as a model.

        Raises
        ------
        UpstreamError
            It does not fit.
        """
        try:
            return model.model_validate(self.content)
        except ValidationError:
            # Without its cause: pydantic quotes what it was given.
            raise UpstreamError(DETAIL) from None


class AirflowOrchestrator(ABC):
    """Airflow; subclasses bring requests there and answers back.

    Parameters
    ----------
    api_version
        ``v2`` for Airflow 3, ``v1`` for Airflow 2.
    """

    max_path_length: ClassVar[int | None] = None

    def __init__(self, api_version: AirflowApiVersion) -> None:
        self._api = AIRFLOW_APIS[api_version]

    @abstractmethod
    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Return Airflow's answer, whatever its status; a GET may be tried twice.

        Raises
        ------
        UpstreamError
            There is none.
        """

    def list_dags(self) -> list[Dag]:
        """Return all DAGs, whatever the page size of the server."""
        dags: list[Dag] = []
        n_read = 0
        for _ in range(MAX_N_PAGES):
            page_params = {"limit": PAGE_SIZE, "offset": n_read}
            answer = self._send("GET", "/dags", {**page_params, **self._api.list_params})
            check_success(answer.status)
            page = answer.read(DagPage)
            n_read += len(page.dags)
            dags += [document.to_dag() for document in page.dags if document.is_known]
            if not page.dags or n_read >= page.total_entries:
                break
        return dags

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it (any more)."""
        answer = self._send("GET", self._dag_path(dag_id))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        check_success(answer.status)
        document = answer.read(DagDocument)
        return document.to_dag() if document.is_known else None

    def trigger_dag_run(self, dag_id: str, dag_run_id: str, conf: dict[str, str | None]) -> None:
        """Create a run; never repeated here, for the queue repeats it under the same id.

        Raises
        ------
        ConflictError
            Airflow answered that such a run exists; `has_dag_run` tells whether it is ours.
        NotFoundError
            Airflow does not know the DAG.
        InvalidInputError
            Airflow refuses the id or the conf, or the DAG is broken.
        """
        path = self._dag_path(dag_id) + _RUNS
        if not _DAG_RUN_ID.fullmatch(dag_run_id):
            raise InvalidInputError("Airflow does not take these parameters.")
        body = {"dag_run_id": dag_run_id, **self._api.run_defaults, "conf": conf}
        check_status(self._send("POST", path, body=body).status, dag_id)

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""
        path = f"{self._dag_path(dag_id)}{_RUNS}/{quote_segment(dag_run_id)}"
        if self.max_path_length and len(path) > self.max_path_length:
            return self._has_task_instances(dag_id, dag_run_id)
        status = self._send("GET", path).status
        if status == HTTPStatus.NOT_FOUND:
            return False
        check_status(status)
        return True

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""
        answer = self._send("GET", self._api.health_path)
        check_success(answer.status)
        if not answer.read(HealthDocument).is_healthy:
            raise UpstreamError("Airflow's scheduler or database is not healthy.")

    def _has_task_instances(self, dag_id: str, dag_run_id: str) -> bool:
        # The list of runs cannot be asked for one id in any version; a new run has its tasks at
        # once, and theirs can.
        body = {"dag_ids": [dag_id], "dag_run_ids": [dag_run_id], "page_limit": 1}
        answer = self._send("POST", "/dags/~/dagRuns/~/taskInstances/list", body=body)
        check_success(answer.status)
        return answer.read(TaskInstancePage).total_entries > 0

    def _dag_path(self, dag_id: str) -> str:
        path = f"/dags/{quote_segment(dag_id)}"
        longest = self.max_path_length
        if longest and len(path) + len(_RUNS) > longest:
            raise InvalidInputError(f"The DAG id {dag_id} is too long for this Airflow.")
        return path
