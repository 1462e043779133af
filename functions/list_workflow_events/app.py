"""GET /workflows/{workflow_id}/events/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.ids import PathId
from workflow_manager.http.list_params import DEFAULT_LIMIT, EventId, Limit
from workflow_manager.http.list_schemas import EventList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_workflow_events import list_workflow_events as use_case

from fastapi import Depends

router = ScanHubRouter(401, 403, 404, 422, 503, dependencies=[Depends(get_caller)])


@router.get("/workflows/{workflow_id}/events/", operation_id="list_workflow_events")
def list_workflow_events(
    workflow_id: PathId, store: StoreDep, limit: Limit = DEFAULT_LIMIT, cursor: EventId = None
) -> EventList:
    """List every change of a workflow and of its tasks and runs, oldest first."""
    return EventList.of(use_case(store, workflow_id, cursor, limit))


lambda_handler = create_handler(router)
