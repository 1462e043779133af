"""What all of Airflow's REST dialects share: statuses and documents."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, Field

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    UpstreamRefusedError,
)
from workflow_manager.ports import Dag

# https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#maximum-page-limit
PAGE_SIZE = 100
MAX_N_PAGES = 100


class DagDocument(BaseModel):
    """A DAG as Airflow describes it."""

    dag_id: str
    dag_display_name: str | None = None
    is_paused: bool | None = None
    has_import_errors: bool | None = None
    description: str | None = None
    tags: list[dict[str, Any]] = Field(default_factory=list)

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


class DagPage(BaseModel):
    """One page of the list of DAGs."""

    dags: list[DagDocument]
    total_entries: int


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


def check_status(status: int, dag_id: str | None = None) -> None:
    """Raise what an error status means; Airflow's own text may quote the conf, and stays out.

    Parameters
    ----------
    status
        HTTP status of the answer.
    dag_id
        The DAG that was asked about.
    """
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    match status:
        case HTTPStatus.CONFLICT:
            raise ConflictError("Airflow says that such a DAG run exists.")
        case HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"Airflow does not know {dag_id or 'this path'}.")
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidInputError("Airflow does not take these parameters.")
    raise UpstreamRefusedError("Airflow failed.", status)
