"""GET /workflows/."""

from dataclasses import replace

from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import WorkflowList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_workflows import list_workflows

router = ScanHubRouter(401, 403, 422, 503)


@router.get("/workflows/", operation_id="list_workflows")
def answer(
    ports: UserPortsDep, query: ListQueryDep, status: WorkflowStatus | None = None
) -> WorkflowList:
    """List the workflows that were processed, newest first; one of just now may be missing."""
    return WorkflowList.of(list_workflows(ports, replace(query, state=status)))


app = create_app(router)
lambda_handler = create_handler(app, "store")
