"""Airflow's REST API: documents and statuses that all versions share, and where versions differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
from workflow_manager.settings import AirflowApiVersion

# https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#maximum-page-limit
PAGE_SIZE = 100
MAX_N_PAGES = 100


@dataclass(frozen=True)
class AirflowApi:
    """What one version of the API wants otherwise than another.

    Attributes
    ----------
    health_path
        Where it tells of its health.
    list_params
        Order of the list of DAGs; those out of use are in it, as Airflow counts broken ones there.
    run_defaults
        What the body of a new run must hold beside id and conf.
    """

    health_path: str
    list_params: Mapping[str, str]
    run_defaults: Mapping[str, None] = field(default_factory=dict)


AIRFLOW_APIS: Mapping[AirflowApiVersion, AirflowApi] = {
    # A new run gets the moment as its date, for null is refused; it may then conflict by its date.
    "v1": AirflowApi("/health", {"order_by": "dag_id", "only_active": "false"}),
    # No date: two runs of one DAG must not conflict by theirs.
    "v2": AirflowApi(
        "/monitor/health",
        {"order_by": "dag_id", "exclude_stale": "false"},
        {"logical_date": None},
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


class DagPage(BaseModel):
    """One page of the list of DAGs."""

    dags: list[DagDocument]
    total_entries: int


class TaskInstancePage(BaseModel):
    """One page of the list of task instances; how many there are is all that is asked."""

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


def check_success(status: int) -> None:
    """Raise unless the answer is a success, where nothing depends on what the caller asked.

    Raises
    ------
    UpstreamRefusedError
        It is not; a 404 then means another version, or another service, at this address.
    """
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise UpstreamRefusedError("Airflow failed.", status)


def check_status(status: int, dag_id: str | None = None) -> None:
    """Raise what an error status means; Airflow's own text may quote the conf, and stays out.

    Parameters
    ----------
    status
        HTTP status of the answer.
    dag_id
        The DAG that was asked about.
    """
    match status:
        case HTTPStatus.CONFLICT:
            raise ConflictError("Airflow says that such a DAG run exists.")
        case HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"Airflow does not know {dag_id or 'this path'}.")
        case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
            raise InvalidInputError("Airflow does not take these parameters.")
    check_success(status)
