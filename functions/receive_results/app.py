"""POST /results_ready/ and /result_ready/{task_id}: called by DAGs with the run's own token."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dag_reports import RecordDep, check_callback_token
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.receive_results import Callback

from fastapi import Depends

ANSWER = {"message": "Results ready notification sent successfully."}
router = ScanHubRouter(400, 401, 409, 422, 503, dependencies=[Depends(check_callback_token)])


@router.post("/results_ready/", operation_id="receive_results")
def receive_results(callback: Callback, record: RecordDep) -> dict[str, str]:
    """Record what a run reports: progress, results or failure."""
    record(callback, None)
    return ANSWER


@router.post("/result_ready/{task_id}", operation_id="receive_task_results")
def receive_task_results(task_id: PathId, callback: Callback, record: RecordDep) -> dict[str, str]:
    """Record what the run of a task reports."""
    record(callback, task_id)
    return ANSWER


lambda_handler = create_handler(router)
