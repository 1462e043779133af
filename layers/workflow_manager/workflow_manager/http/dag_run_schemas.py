"""A run as clients see it."""

from datetime import datetime

from pydantic import BaseModel, Field

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.result import Engine, Result
from workflow_manager.services.get_dag_run import OrchestratorView


class DagRunView(BaseModel):
    """A run as clients see it: never its token's hash, never who uploaded."""

    dag_run_id: str
    dag_id: str
    workflow_id: str | None
    task_id: str | None
    state: DagRunState
    progress: int
    attempt: int
    reason: str | None
    results: tuple[Result, ...]
    dag_version: str | None = Field(
        default=None,
        description="Of the DAG: as Airflow 3 counts it, with the version of its files behind a "
        "plus sign if they have one; else as the DAG itself told it.",
    )
    engine: Engine | None = Field(
        default=None, description="The program that made the results, as the DAG told it."
    )
    deadline: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    stopped_at: datetime | None = Field(
        default=None,
        description="When Airflow confirmed that a run which was cancelled, or ran past its "
        "deadline, has stopped; null until then.",
    )

    @classmethod
    def of(cls, run: DagRun) -> "DagRunView":
        """Return the view of a run."""
        return cls.model_validate(run, from_attributes=True)


class CancelledDagRunView(DagRunView):
    """A run that was cancelled, and what that means."""

    message: str = Field(description="What is stopped now and what is not, for the operator.")

    @classmethod
    def of(cls, run: DagRun) -> "CancelledDagRunView":
        """Return the view of a cancelled run."""
        message = "The run was cancelled, and is stopped."
        if run.stopped_at is None:
            message = "The run was cancelled. Airflow has not confirmed yet that it has stopped."
        return cls(**dict(DagRunView.of(run)), message=message)


class TaskInstanceView(BaseModel):
    """A task of a run as Airflow has it."""

    task_id: str
    state: str | None = Field(description="Airflow's own word; none before it is scheduled.")
    started_at: datetime | None
    ended_at: datetime | None
    try_number: int


class DagRunDetail(DagRunView):
    """A run with what Airflow shows of it."""

    airflow_url: str | None = Field(description="Airflow's own page of the run, if it is known.")
    task_instances: list[TaskInstanceView] | None = Field(
        description="None if Airflow has nothing of the run, or could not be asked."
    )

    @classmethod
    def of_both(cls, run: DagRun, airflow: OrchestratorView | None) -> "DagRunDetail":
        """Return the view of a run beside what Airflow shows of it, if it was asked."""
        tasks = None
        if airflow and airflow.task_instances is not None:
            tasks = [
                TaskInstanceView.model_validate(each, from_attributes=True)
                for each in airflow.task_instances
            ]
        url = airflow.url if airflow else None
        return cls(**dict(DagRunView.of(run)), airflow_url=url, task_instances=tasks)
