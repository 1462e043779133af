"""POST /workflows/{workflow_id}/tasks/{task_id}/retry/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep, UserPortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import TaskView, TriggeredTaskView
from workflow_manager.services.retry_task import retry_task

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/tasks/{task_id}/retry/", operation_id="retry_task")
def answer(
    workflow_id: str, task_id: str, ports: UserPortsDep, caller: CallerDep
) -> TriggeredTaskView:
    """Start a task that has ended anew, as its next attempt; tasks behind it wait again."""
    task = retry_task(ports, workflow_id, task_id, caller.token, caller.cause)
    return TriggeredTaskView(task=TaskView.of(task))


app = create_app(router)
lambda_handler = create_handler(app, "store", "exam", "scan", "queue")
