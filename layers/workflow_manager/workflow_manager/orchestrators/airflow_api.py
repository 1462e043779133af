"""Airflow's REST API: documents that all versions share, and where versions differ."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from workflow_manager.domain.orchestrator_run import (
    OrchestratorRun,
    OrchestratorRunState,
    RunKey,
    TaskInstance,
)
from workflow_manager.ports import Dag
from workflow_manager.settings import AirflowApiVersion

# https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#maximum-page-limit
PAGE_SIZE = 100
MAX_N_PAGES = 100
# A crowded DAG must not use up the reconciler's time: what lies behind is looked for by its id.
MAX_N_RUN_PAGES = 3

# Airflow's clock may be behind ours, or before it.
_CLOCK_SKEW = timedelta(minutes=5)
MAX_VERSION_LENGTH = 100
_TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")
_RUN_STATES = {state.value: state for state in OrchestratorRunState}


@dataclass(frozen=True)
class AirflowApi:
    """What one version of the API wants otherwise than another.

    Attributes
    ----------
    health_path
        Where it tells of its health.
    list_params
        Order of the list of DAGs; those out of use are in it, as Airflow counts broken ones there.
    run_date
        The date that every run has, and that its list may be bounded by: the moment of the POST.
    run_page
        Where its own pages show a run, with `dag_id` and `dag_run_id` to be filled in.
    run_defaults
        What the body of a new run must hold beside id and conf.
    has_structured_logs
        Whether the log of a task tells the type of an exception apart from its text.
    """

    health_path: str
    list_params: Mapping[str, str]
    run_date: str
    run_page: str
    run_defaults: Mapping[str, None] = field(default_factory=dict)
    has_structured_logs: bool = False

    def make_window(self, runs: Sequence[RunKey]) -> dict[str, str]:
        """Return the bounds between which Airflow dates these runs, if they started as we know.

        Parameters
        ----------
        runs
            At least one.
        """
        earliest = min(run.created_at for run in runs)
        latest = max(run.started_at or run.created_at for run in runs)
        return {
            f"{self.run_date}_gte": (earliest - _CLOCK_SKEW).isoformat(),
            f"{self.run_date}_lte": (latest + _CLOCK_SKEW).isoformat(),
        }


AIRFLOW_APIS: Mapping[AirflowApiVersion, AirflowApi] = {
    # A new run gets the moment as its date, for null is refused; it may then conflict by its date.
    "v1": AirflowApi(
        "/health",
        {"order_by": "dag_id", "only_active": "false"},
        "execution_date",
        "/dags/{dag_id}/grid?dag_run_id={dag_run_id}",
    ),
    # No date: two runs of one DAG must not conflict by theirs.
    "v2": AirflowApi(
        "/monitor/health",
        {"order_by": "dag_id", "exclude_stale": "false"},
        "run_after",
        "/dags/{dag_id}/runs/{dag_run_id}",
        {"logical_date": None},
        has_structured_logs=True,
    ),
}


class DagDocument(BaseModel):
    """A DAG as Airflow describes it."""

    dag_id: str
    dag_display_name: str | None = None
    is_paused: bool | None = None
    has_import_errors: bool | None = None
    is_active: bool | None = None
    is_stale: bool | None = None
    description: str | None = None
    tags: list[dict[str, Any]] = Field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether it is there, be it broken; a DAG whose file is gone stays on record only."""
        is_gone = self.is_stale or self.is_active is False
        return bool(self.has_import_errors) or not is_gone

    def to_dag(self) -> Dag:
        """Return the DAG as clients list it."""
        return Dag(
            dag_id=self.dag_id,
            dag_display_name=self.dag_display_name or self.dag_id,
            is_paused=bool(self.is_paused),
            has_import_errors=bool(self.has_import_errors),
            description=self.description,
            tags=tuple(str(tag.get("name", "")) for tag in self.tags),
        )


class DagVersionDocument(BaseModel):
    """A version of a DAG as Airflow 3 describes it.

    Attributes
    ----------
    bundle_version
        Of all DAG files together, a commit of Git for example; None where they have none.
    """

    version_number: int
    bundle_version: str | None = None

    def __str__(self) -> str:
        """Return it as ``3``, or ``3+1a2b3c`` with the version of the bundle."""
        bundle = f"+{self.bundle_version}" if self.bundle_version else ""
        return f"{self.version_number}{bundle}"[:MAX_VERSION_LENGTH]


class DagRunDocument(BaseModel):
    """A run as Airflow describes it.

    Attributes
    ----------
    dag_versions
        Oldest first: a DAG that was exchanged during a run has run in several.
    """

    dag_id: str
    dag_run_id: str
    state: str | None = None
    end_date: AwareDatetime | None = None
    dag_versions: list[DagVersionDocument] = Field(default_factory=list)

    def to_run(self) -> OrchestratorRun:
        """Return the run; a state that we do not know is not the end of it."""
        return OrchestratorRun(
            dag_id=self.dag_id,
            dag_run_id=self.dag_run_id,
            state=_RUN_STATES.get(self.state or "", OrchestratorRunState.RUNNING),
            ended_at=self.end_date,
            dag_version=self.dag_version,
        )

    @property
    def dag_version(self) -> str | None:
        """The version of its DAG that ran last; None where Airflow tells none."""
        return str(self.dag_versions[-1]) if self.dag_versions else None


class TaskInstanceDocument(BaseModel):
    """A task of a run as Airflow describes it."""

    dag_id: str
    dag_run_id: str
    task_id: str
    state: str | None = None
    start_date: AwareDatetime | None = None
    end_date: AwareDatetime | None = None
    try_number: int | None = None
    map_index: int | None = None

    def to_task_instance(self) -> TaskInstance:
        """Return the task."""
        return TaskInstance(
            dag_run_id=self.dag_run_id,
            task_id=self.task_id,
            state=self.state,
            started_at=self.start_date,
            ended_at=self.end_date,
            try_number=self.try_number or 0,
            map_index=-1 if self.map_index is None else self.map_index,
        )


class LogDocument(BaseModel):
    """What a task has logged, as Airflow 3 answers it: structured lines, or texts."""

    content: list[Any] = Field(default_factory=list)

    @property
    def exception_type(self) -> str | None:
        """The type of the last exception in it; its text is never looked at."""
        for line in reversed(self.content):
            try:
                # https://www.structlog.org/en/stable/api.html#structlog.tracebacks.Trace: the
                # exception first, then its causes.
                name = line["error_detail"][0]["exc_type"]
            except (TypeError, LookupError):
                continue
            if isinstance(name, str) and _TYPE_NAME.fullmatch(name):
                return name
        return None


class Page(BaseModel):
    """One page of a list."""

    items: list[Any]
    total_entries: int


class DagPage(Page):
    """One page of the list of DAGs."""

    items: list[DagDocument] = Field(alias="dags")


class DagRunPage(Page):
    """One page of the list of runs."""

    items: list[DagRunDocument] = Field(alias="dag_runs")


class TaskInstancePage(Page):
    """One page of the list of task instances."""

    items: list[TaskInstanceDocument] = Field(alias="task_instances")


class ComponentHealth(BaseModel):
    """Health of one of Airflow's processes."""

    status: str | None = None


class HealthDocument(BaseModel):
    """Health of what it takes to start a run."""

    metadatabase: ComponentHealth
    scheduler: ComponentHealth

    @property
    def is_healthy(self) -> bool:
        """Whether runs would be started."""
        return self.metadatabase.status == self.scheduler.status == "healthy"
