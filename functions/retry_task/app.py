"""POST /workflows/{workflow_id}/tasks/{task_id}/retry/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    QueueDep,
    ScanDep,
    StoreDep,
    give_clock,
    give_settings,
)
from workflow_manager.http.expected_attempt import ExpectedAttempt
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.started_task import TriggeredTaskView
from workflow_manager.http.task_schemas import TaskView
from workflow_manager.services.retry_task import retry_task as use_case

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/workflows/{workflow_id}/tasks/{task_id}/retry/", operation_id="retry_task")
def retry_task(
    workflow_id: PathId,
    task_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    exam: ExamDep,
    scan: ScanDep,
    caller: CallerDep,
    expected_attempt: ExpectedAttempt = None,
) -> TriggeredTaskView:
    """Start a task that has ended anew, as its next attempt; tasks behind it are made anew too.

    Those behind a scan wait for its new data, and keep what they have until then. A call that the
    same user repeats within 10 s, or while his first call is at work, is answered with the attempt
    that the first one has started.
    """
    task = use_case(
        store,
        queue,
        exam,
        scan,
        give_clock(),
        give_settings(),
        workflow_id,
        task_id,
        caller.token,
        caller.cause,
        expected_attempt,
    )
    return TriggeredTaskView(task=TaskView.of(task))


lambda_handler = create_handler(router)
