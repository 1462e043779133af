"""POST /workflows/{workflow_id}/tasks/{task_id}/cancel/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, QueueDep, StoreDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.schemas import CancelledTaskView
from workflow_manager.http.task_schemas import TaskView
from workflow_manager.services.cancel_task import cancel_task as use_case

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/workflows/{workflow_id}/tasks/{task_id}/cancel/", operation_id="cancel_task")
def cancel_task(
    workflow_id: PathId,
    task_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    caller: CallerDep,
) -> CancelledTaskView:
    """Cancel a task that has not ended; a scanner is not stopped by it."""
    task, message = use_case(store, queue, workflow_id, task_id, caller.cause)
    return CancelledTaskView(message=message, task=TaskView.of(task))


lambda_handler = create_handler(router)
