"""POST /trigger_task/{task_id}/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import TaskView, TriggeredTaskView
from workflow_manager.services.trigger_task import trigger_task

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/trigger_task/{task_id}/", operation_id="trigger_task")
def answer(task_id: str, ports: UserPortsDep, caller: CallerDep) -> TriggeredTaskView:
    """Start a task; one that has ended starts anew as its next attempt."""
    task = trigger_task(ports, task_id, caller.token, caller.cause)
    return TriggeredTaskView(task=TaskView.of(task))


app = create_app(router)
lambda_handler = create_handler(app, "exam", "store", "scan", "queue")
