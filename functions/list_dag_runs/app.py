"""GET /dag_runs/."""

from dataclasses import replace
from typing import Annotated

from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import DagRunList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_dag_runs import list_dag_runs

from fastapi import Query

router = ScanHubRouter(401, 403, 422, 503)


@router.get("/dag_runs/", operation_id="list_dag_runs")
def answer(
    ports: UserPortsDep,
    query: ListQueryDep,
    state: DagRunState | None = None,
    dag_id: Annotated[str | None, Query(max_length=250)] = None,
) -> DagRunList:
    """List the runs, newest first; one of just now may be missing."""
    return DagRunList.of(list_dag_runs(ports, replace(query, state=state, dag_id=dag_id)))


app = create_app(router)
lambda_handler = create_handler(app, "store")
