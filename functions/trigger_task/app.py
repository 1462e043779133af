"""POST /trigger_task/{task_id}/."""

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
from workflow_manager.http.started_task import (
    find_empty_answer,
    started_task_answers,
    view_started_task,
)
from workflow_manager.services.trigger_task import trigger_task as use_case

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.post("/trigger_task/{task_id}/", operation_id="trigger_task", **started_task_answers())
def trigger_task(
    task_id: PathId,
    exam: ExamDep,
    store: StoreDep,
    queue: QueueDep,
    scan: ScanDep,
    caller: CallerDep,
    expected_attempt: ExpectedAttempt = None,
) -> object:
    """Start a task; one that has ended starts anew as its next attempt.

    A call that the same user repeats within 10 s, or while his first call is at work, is answered
    with the attempt that the first one has started.
    """
    definition = exam.get_task(task_id)
    if empty := find_empty_answer(definition):
        return empty
    ports = (store, queue, exam, scan, give_clock(), give_settings())
    on_behalf = caller.token, caller.cause
    task = use_case(*ports, task_id, *on_behalf, expected_attempt, definition=definition)
    return view_started_task(task)


lambda_handler = create_handler(router)
