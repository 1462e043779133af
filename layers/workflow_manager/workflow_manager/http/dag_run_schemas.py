"""A run as clients see it."""

from datetime import datetime

from pydantic import BaseModel

from workflow_manager.domain.dag_run import DagRun, DagRunState, Result


class DagRunView(BaseModel):
    """A run as clients see it: never its token's hash, never who uploaded."""

    dag_run_id: str
    dag_id: str
    workflow_id: str | None
    task_id: str | None
    state: DagRunState
    progress: int
    reason: str | None
    results: tuple[Result, ...]
    deadline: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: DagRun) -> "DagRunView":
        """Return the view of a run."""
        return cls.model_validate(run, from_attributes=True)
