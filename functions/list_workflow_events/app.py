"""GET /workflows/{workflow_id}/events/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.list_params import DEFAULT_LIMIT, EventId, Limit
from workflow_manager.http.list_schemas import EventList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_workflow_events import list_workflow_events

router = ScanHubRouter(401, 403, 404, 422, 503)


@router.get("/workflows/{workflow_id}/events/", operation_id="list_workflow_events")
def answer(
    workflow_id: str, ports: UserPortsDep, limit: Limit = DEFAULT_LIMIT, cursor: EventId = None
) -> EventList:
    """List every change of a workflow and of its tasks and runs, oldest first."""
    return EventList.of(list_workflow_events(ports, workflow_id, cursor, limit))


app = create_app(router)
lambda_handler = create_handler(app, "store")
