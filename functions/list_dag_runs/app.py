"""GET /dag_runs/."""

from dataclasses import replace
from typing import Annotated

from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import DagRunList
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Depends, Query

router = ScanHubRouter(401, 403, 422, 503, dependencies=[Depends(get_caller)])


@router.get("/dag_runs/", operation_id="list_dag_runs")
def list_dag_runs(
    store: StoreDep,
    query: ListQueryDep,
    state: DagRunState | None = None,
    dag_id: Annotated[str | None, Query(max_length=250)] = None,
) -> DagRunList:
    """List the runs, newest first; one of just now may be missing."""
    return DagRunList.of(store.list_dag_runs(replace(query, state=state, dag_id=dag_id)))


lambda_handler = create_handler(router)
