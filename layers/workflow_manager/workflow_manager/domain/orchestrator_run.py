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


# Failed, and will not be tried again: until then a task instance is up_for_retry.
_DONE_STATES = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})


class RunKey(BaseModel):
    """Which run to look for, and from when on.

    Attributes
    ----------
    created_at
        When our item of the run was created, UTC: Airflow cannot have the run earlier.
    """

    model_config = ConfigDict(frozen=True)

    dag_id: str
    dag_run_id: str
    created_at: AwareDatetime


class OrchestratorRun(BaseModel):
    """A run as the orchestrator has it.

    Attributes
    ----------
    state
        Running if it is one that we do not know: a newer Airflow must not end a run by a new word.
    ended_at
        UTC; None while it goes on.
    """

    model_config = ConfigDict(frozen=True)

    dag_id: str
    dag_run_id: str
    state: OrchestratorRunState
    ended_at: AwareDatetime | None = None


class TaskInstance(BaseModel):
    """A task of a run; a mapped task has several of one id.

    Attributes
    ----------
    state
        Airflow's word, also one that we do not know; None before it is scheduled.
    started_at, ended_at
        Of the present try, UTC.
    try_number
        Counts from 1; 0 before the first try.
    """

    model_config = ConfigDict(frozen=True)

    dag_run_id: str
    task_id: str
    state: str | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    try_number: int = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in _DONE_STATES
