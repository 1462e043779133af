"""GET /dag_runs/."""

from dataclasses import replace
from functools import partial
from typing import Annotated

from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.ids import normalize_id
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.etags import REVALIDATED, RevalidationDep, describe_workflow
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import DagRunList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_dag_runs import list_runs_of

from fastapi import Depends, Query, Response

router = ScanHubRouter(401, 403, 422, 503, dependencies=[Depends(get_caller)])


@router.get(
    "/dag_runs/",
    operation_id="list_dag_runs",
    response_model=DagRunList,
    responses=REVALIDATED,
)
def list_dag_runs(
    store: StoreDep,
    query: ListQueryDep,
    revalidation: RevalidationDep,
    state: DagRunState | None = None,
    dag_id: Annotated[str | None, Query(max_length=250)] = None,
    workflow_id: Annotated[str | None, Query(max_length=64)] = None,
) -> DagRunList | Response:
    """List the runs, newest first; one of just now may be missing."""
    wanted = replace(query, state=state, dag_id=dag_id)
    if workflow_id is None:
        version: object = store.read_list_mark()
        find = partial(store.list_dag_runs, wanted)
    else:
        owner_id = normalize_id(workflow_id)
        version = describe_workflow(store.get_workflow(owner_id))
        find = partial(list_runs_of, store, owner_id, wanted)
    found = revalidation.find_page(find, version)
    return found if isinstance(found, Response) else DagRunList.of(found)


lambda_handler = create_handler(router)
