"""GET /rejected_objects/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import RejectedObjectList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_rejected_objects import list_rejected_objects

router = ScanHubRouter(401, 403, 422, 503)


@router.get("/rejected_objects/", operation_id="list_rejected_objects")
def answer(ports: UserPortsDep, query: ListQueryDep) -> RejectedObjectList:
    """List the objects that came into the data lake and caused nothing, newest first."""
    return RejectedObjectList.of(list_rejected_objects(ports, query))


app = create_app(router)
lambda_handler = create_handler(app, "store")
