"""The `Orchestrator` on Airflow's REST API, however its requests travel."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import JsonValue

from workflow_manager.deadline import limit
from workflow_manager.domain.errors import (
    InvalidInputError,
    UpstreamError,
    UpstreamRefusedError,
)
from workflow_manager.domain.orchestrator_run import OrchestratorRun, RunKey, TaskInstance
from workflow_manager.domain.urls import quote_segment
from workflow_manager.orchestrators.airflow_api import (
    AIRFLOW_APIS,
    MAX_N_PAGES,
    PAGE_SIZE,
    DagDocument,
    DagPage,
    DagRunDocument,
    HealthDocument,
    LogDocument,
    TaskInstancePage,
)
from workflow_manager.orchestrators.airflow_status import (
    check_found,
    check_permission,
    check_status,
    check_success,
)
from workflow_manager.orchestrators.answers import DETAIL, Answer, check_is_of, read_pages
from workflow_manager.orchestrators.import_errors import MAX_N_IMPORT_ERRORS, ImportErrorPage
from workflow_manager.orchestrators.pace import Pace
from workflow_manager.orchestrators.run_lists import LIST_S, LIST_TASK_INSTANCES, RunLists
from workflow_manager.ports import Dag, DagImportError
from workflow_manager.settings import AirflowApiVersion

TRANSIENT_STATUSES = frozenset({502, 503, 504})
# What these say decides over a run: it is gone, is there, cannot be. Airflow says it in JSON; a
# page is a proxy's, and says nothing.
_DECISIVE_STATUSES = frozenset({400, 403, 404, 409, 422})

# Airflow's own rule, [scheduler] allowed_run_id_pattern; Airflow 2 answers 500 to what breaks it.
_DAG_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
# A worker that is gone keeps Airflow waiting for its log; a failure can be told without.
LOG_S = 3
# What a list of DAGs can do without may not keep it waiting.
IMPORT_ERRORS_S = 5
_RUNS = "/dagRuns"


class AirflowOrchestrator(ABC):
    """Airflow; subclasses bring requests there and answers back.

    Parameters
    ----------
    api_version
        ``v2`` for Airflow 3, ``v1`` for Airflow 2.
    pace
        Holds requests back; none: they follow each other at once.
    """

    max_path_length: ClassVar[int | None] = None
    # Whether a 403 is a word about what our account may do, and not about its password.
    is_login_certain = True

    def __init__(self, api_version: AirflowApiVersion, pace: Pace | None = None) -> None:
        self._api = AIRFLOW_APIS[api_version]
        self._pace = pace or Pace()
        self._lists = RunLists(
            self._api, lambda path, body: self._send("POST", path, body=body), self._get_run
        )

    @abstractmethod
    def _exchange(
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

        def ask(offset: int) -> Answer:
            paging = {"limit": PAGE_SIZE, "offset": offset}
            return self._send("GET", "/dags", {**paging, **self._api.list_params})

        pages = read_pages(DagPage, ask, MAX_N_PAGES)
        with limit(LIST_S):
            return [dag.to_dag() for page in pages for dag in page.items if dag.is_known]

    def list_import_errors(self) -> list[DagImportError]:
        """Return the DAG files that Airflow cannot read, the newest errors first.

        Raises
        ------
        UpstreamError
            Airflow failed, or does not show them to our account. Nothing depends on it, so this is
            no missing permission that an operator should be woken for.
        """
        params: dict[str, str | int] = {
            "limit": MAX_N_IMPORT_ERRORS,
            "order_by": "-import_error_id",
        }
        with limit(IMPORT_ERRORS_S), self._pace.keep():
            answer = self._exchange("GET", "/importErrors", params)
        check_success(answer.status)
        return [document.to_import_error() for document in answer.read(ImportErrorPage).items]

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it (any more)."""
        answer = self._send("GET", self._dag_path(dag_id))
        if answer.status == HTTPStatus.NOT_FOUND and answer.is_airflows:
            return None
        check_success(answer.status)
        document = answer.read(DagDocument)
        return document.to_dag() if document.is_known else None

    def trigger_dag_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
    ) -> str | None:
        """Create a run; never repeated here, for the queue repeats it under the same id.

        Raises
        ------
        ConflictError
            Airflow answered that such a run exists; `has_dag_run` tells whether it is ours.
        NotFoundError
            Airflow does not know the DAG.
        InvalidInputError
            Airflow refuses the id or the conf, or the DAG is broken.
        UpstreamError
            Something else answered, such as a proxy: whether the run exists is unknown.
        """
        path = self._dag_path(dag_id) + _RUNS
        if not _DAG_RUN_ID.fullmatch(dag_run_id):
            raise InvalidInputError("Airflow does not take these parameters.")
        body = {"dag_run_id": dag_run_id, **self._api.run_defaults, "conf": dict(conf)}
        answer = self._send("POST", path, body=body)
        check_status(answer.status, dag_id)
        check_is_of(answer, dag_run_id)
        return answer.read(DagRunDocument).dag_version

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""
        path = self._run_path(dag_id, dag_run_id)
        if self._is_too_long(path):
            return self._has_task_instances(dag_id, dag_run_id)
        answer = self._send("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return False
        check_status(answer.status)
        check_is_of(answer, dag_run_id)
        return True

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return what Airflow has of these runs."""
        return self._lists.list_dag_runs(runs)

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return the tasks of these runs."""
        return self._lists.list_task_instances(runs)

    def find_exception_type(self, dag_id: str, task: TaskInstance) -> str | None:
        """Return the type of the exception that a failed task ended with.

        Airflow 2 logs texts, in which the exception's own text cannot be told from its type.
        """
        run_path = self._run_path(dag_id, task.dag_run_id)
        path = f"{run_path}/taskInstances/{quote_segment(task.task_id)}/logs/{task.try_number}"
        if not self._api.has_structured_logs or self._is_too_long(path):
            return None
        with limit(LOG_S):
            answer = self._send("GET", path, {"map_index": task.map_index})
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return None
        return answer.read(LogDocument).exception_type

    def cancel_dag_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run as failed, after its teardown tasks; one that has ended stays as it is.

        Raises
        ------
        NotFoundError
            Airflow does not know the run, or the DAG.
        InvalidInputError
            The ids are too long for this Airflow.
        UpstreamError
            It refuses for any other reason: whoever ends the run asks again.
        """
        path, subject = self._run_path(dag_id, dag_run_id), f"run {dag_run_id} of {dag_id}"
        if self._is_too_long(path):
            raise InvalidInputError(f"The ids of {subject} are too long for this Airflow.")
        answer = self._send("GET", path)
        check_found(answer.status, subject)
        check_is_of(answer, dag_run_id)
        # Every version would turn a success into a failure.
        if answer.read(DagRunDocument).to_run().state.is_final:
            return
        answer = self._send("PATCH", path, body={"state": "failed"})
        check_found(answer.status, subject)
        check_is_of(answer, dag_run_id)

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return None: only who knows Airflow's address can do better."""
        return None

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""
        answer = self._send("GET", self._api.health_path)
        check_success(answer.status)
        if not answer.read(HealthDocument).is_healthy:
            raise UpstreamError("Airflow's scheduler or database is not healthy.")

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        # A login and the second try of a GET belong to their request.
        with self._pace.keep():
            answer = self._exchange(method, path, params, body)
        if answer.status in _DECISIVE_STATUSES and not isinstance(answer.content, dict):
            raise UpstreamRefusedError(DETAIL, answer.status)
        if self.is_login_certain:
            check_permission(answer.status, method, path)
        return answer

    def _get_run(self, run: RunKey) -> OrchestratorRun | None:
        path = self._run_path(run.dag_id, run.dag_run_id)
        if self._is_too_long(path):
            return None
        answer = self._send("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        check_status(answer.status)
        check_is_of(answer, run.dag_run_id)
        return answer.read(DagRunDocument).to_run()

    def _has_task_instances(self, dag_id: str, dag_run_id: str) -> bool:
        # The list of runs cannot be asked for one id in any version; a new run has its tasks at
        # once, and theirs can.
        body = {"dag_ids": [dag_id], "dag_run_ids": [dag_run_id], "page_limit": 1}
        answer = self._send("POST", LIST_TASK_INSTANCES, body=body)
        check_success(answer.status)
        return answer.read(TaskInstancePage).total_entries > 0

    def _run_path(self, dag_id: str, dag_run_id: str) -> str:
        return f"{self._dag_path(dag_id)}{_RUNS}/{quote_segment(dag_run_id)}"

    def _dag_path(self, dag_id: str) -> str:
        path = f"/dags/{quote_segment(dag_id)}"
        if self._is_too_long(path + _RUNS):
            raise InvalidInputError(f"The DAG id {dag_id} is too long for this Airflow.")
        return path

    def _is_too_long(self, path: str) -> bool:
        return self.max_path_length is not None and len(path) > self.max_path_length
