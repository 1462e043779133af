"""Airflow, and what leads to and from it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from workflow_manager.domain.notification import Notification
from workflow_manager.domain.orchestrator_run import OrchestratorRun, RunKey, TaskInstance

ACCEPTS_TAG = "accepts:"
RESULTS_OPTIONAL_TAG = "results:optional"


class Dag(BaseModel):
    """A DAG as clients list it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dag_id: str
    dag_display_name: str
    is_paused: bool = False
    has_import_errors: bool = False
    description: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def accepts(self) -> tuple[str, ...]:
        """The formats it takes, by tags such as ``accepts:ismrmrd``; empty: it takes everything."""
        found = (tag.removeprefix(ACCEPTS_TAG) for tag in self.tags if tag.startswith(ACCEPTS_TAG))
        return tuple(found)

    @property
    def needs_results(self) -> bool:
        """Whether a success without results is a failure: unless its tag says otherwise."""
        return RESULTS_OPTIONAL_TAG not in self.tags


class Orchestrator(Protocol):
    """Airflow. Every call may raise an `UpstreamError`."""

    def list_dags(self) -> list[Dag]:
        """Return all DAGs, whatever the page size of the server."""

    def get_dag(self, dag_id: str) -> Dag | None:
        """Return a DAG, or None if Airflow does not know it."""

    def trigger_dag_run(
        self, dag_id: str, dag_run_id: str, conf: Mapping[str, JsonValue]
    ) -> str | None:
        """Create a run, and return the version of its DAG if Airflow counts versions.

        Raises
        ------
        ConflictError
            Airflow answered that such a run exists; `has_dag_run` tells whether it is ours.
        NotFoundError
            Airflow does not know the DAG.
        InvalidInputError
            Airflow refuses the id or the conf.
        """

    def has_dag_run(self, dag_id: str, dag_run_id: str) -> bool:
        """Tell whether Airflow knows the run."""

    def list_dag_runs(self, runs: Sequence[RunKey]) -> list[OrchestratorRun]:
        """Return what Airflow has of these runs, in a few requests for many.

        A run that is missing from the answer may still exist, because its DAG has many runs or it
        started late: `has_dag_run` tells.
        """

    def list_task_instances(self, runs: Sequence[RunKey]) -> list[TaskInstance]:
        """Return the tasks of these runs."""

    def find_exception_type(self, dag_id: str, task: TaskInstance) -> str | None:
        """Return the type of the exception that a failed task ended with, by Airflow's log of it.

        Never its text, which may name a patient. None if Airflow does not tell.
        """

    def cancel_dag_run(self, dag_id: str, dag_run_id: str) -> None:
        """End a run as failed, after its teardown tasks; one that has ended stays as it is.

        Airflow ignores the call while it is just starting the run, so the caller looks again later
        and repeats the call.

        Raises
        ------
        NotFoundError
            Airflow does not know the run, or the DAG.
        InvalidInputError
            The ids are too long for this Airflow.
        UpstreamError
            Airflow failed, or refused for any other reason.
        """

    def dag_run_url(self, dag_id: str, dag_run_id: str) -> str | None:
        """Return where people see the run in Airflow's own pages, or None if that is unknown."""

    def check_health(self) -> None:
        """Return if Airflow would start runs; raise an `UpstreamError` if not."""


class MessageQueue(Protocol):
    """The queues of our own functions. Every call may raise an `UpstreamError`."""

    def send_start(self, dag_run_id: str) -> None:
        """Ask for a pending run to be started."""

    def send_reports(self, workflow_id: str, task_ids: Sequence[str]) -> None:
        """Ask for exam-manager to be told of tasks; a workflow's messages are handled in turn."""

    def send_stops(self, dag_run_ids: Sequence[str]) -> None:
        """Ask for runs to be stopped in Airflow; the messages are handled in turn."""

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        """Ask for a step of a simulated run, counted from 1, `delay_s` from now [s]."""


class EventBus(Protocol):
    """The bus on which others hear of state changes."""

    def publish(self, notifications: Sequence[Notification]) -> int:
        """Send notifications in order; return how many were taken before the first that was not.

        The bus may have taken notifications behind that one too, and then gets them twice.
        """
