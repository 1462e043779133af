"""What the orchestrator knows of a run: read by the reconciler, never stored."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict


class OrchestratorRunState(StrEnum):
    """Airflow's states of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self in {OrchestratorRunState.SUCCESS, OrchestratorRunState.FAILED}


# A failed task that will be tried again is up_for_retry instead.
_DONE_STATES = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})


class RunKey(BaseModel):
    """A run to look for in Airflow.

    Attributes
    ----------
    created_at
        When our item of the run was created, UTC: Airflow cannot have the run earlier.
    started_at
        When we knew that Airflow has it; None: we do not know it.
    """

    model_config = ConfigDict(frozen=True)

    dag_id: str
    dag_run_id: str
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None


class OrchestratorRun(BaseModel):
    """A run as the orchestrator has it.

    Attributes
    ----------
    state
        Running if we do not know the state: a new word of a newer Airflow must not end a run.
    ended_at
        UTC; None until it has ended.
    dag_version
        Of its DAG; None where Airflow counts none, as Airflow 2.
    """

    model_config = ConfigDict(frozen=True)

    dag_id: str
    dag_run_id: str
    state: OrchestratorRunState
    ended_at: AwareDatetime | None = None
    dag_version: str | None = None


class TaskInstance(BaseModel):
    """A task of a run; a mapped task has several instances of one id.

    Attributes
    ----------
    state
        Airflow's word, even if we do not know it; None before it is scheduled.
    started_at, ended_at
        Times of the present try, UTC.
    try_number
        Counts from 1; 0 before the first try.
    map_index
        Which instance of a mapped task it is, from 0; -1: it is not mapped.
    """

    model_config = ConfigDict(frozen=True)

    dag_run_id: str
    task_id: str
    state: str | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    try_number: int = 0
    map_index: int = -1

    @property
    def is_done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in _DONE_STATES
