"""GET /workflows/."""

from dataclasses import replace

from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import WorkflowList
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Depends

router = ScanHubRouter(401, 403, 422, 503, dependencies=[Depends(get_caller)])


@router.get("/workflows/", operation_id="list_workflows")
def list_workflows(
    store: StoreDep, query: ListQueryDep, status: WorkflowStatus | None = None
) -> WorkflowList:
    """List the workflows that were processed, newest first; one of just now may be missing."""
    return WorkflowList.of(store.list_workflows(replace(query, state=status)))


lambda_handler = create_handler(router)
