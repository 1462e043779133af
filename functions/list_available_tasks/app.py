"""GET /tasks/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import AvailableTasks
from workflow_manager.services.list_available_tasks import list_available_tasks

router = ScanHubRouter(401, 403, 502, 503, 504)


@router.get("/tasks/", operation_id="list_available_tasks")
def answer(ports: UserPortsDep) -> AvailableTasks:
    """List the DAGs that a task can name."""
    return AvailableTasks.of(list_available_tasks(ports))


app = create_app(router)
lambda_handler = create_handler(app, "orchestrator")
