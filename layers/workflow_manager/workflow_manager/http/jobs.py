"""What tasks can name, in the shape of the deployment's contract."""

from typing import Literal

from pydantic import Field

from workflow_manager.contract import Contract, get_contract
from workflow_manager.http.schemas import AvailableTasks
from workflow_manager.ports import Dag, DagImportError

# The parts of a job's id: where it runs, the repository, its name; `::` stands in none of them.
LOCATION: Literal["airflow"] = "airflow"
REPOSITORY: Literal["dags"] = "dags"


class Job(Dag):
    """A DAG as a job, with the four fields that ScanHub's page of 2026-02 reads."""

    job_id: str = Field(description="What a task has as its `dag_id`.")
    job_name: str
    repository: Literal["dags"] = REPOSITORY
    location: Literal["airflow"] = LOCATION

    @classmethod
    def of(cls, dag: Dag) -> "Job":
        """Return the job of a DAG."""
        job_id = f"{LOCATION}::{REPOSITORY}::{dag.dag_id}"
        return cls(job_id=job_id, job_name=dag.dag_display_name, **dag.model_dump())


def available_tasks_model() -> object:
    """Return the type of the answer."""
    return list[Job] if get_contract() is Contract.FEBRUARY_2026 else AvailableTasks


def view_available_tasks(
    dags: list[Dag], import_errors: list[DagImportError]
) -> AvailableTasks | list[Job]:
    """Return the DAGs as the callers of the contract read them."""
    if get_contract() is Contract.FEBRUARY_2026:
        return [Job.of(dag) for dag in dags]
    return AvailableTasks.of(dags, import_errors)
