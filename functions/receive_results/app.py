"""POST /results_ready/ and /result_ready/{id}: called by DAGs with the run's own token."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dag_reports import RecordDep, check_callback_token
from workflow_manager.http.ready_route import READY_ANSWER, add_ready_route
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.receive_results import Callback

from fastapi import Depends

router = ScanHubRouter(400, 401, 409, 422, 503, dependencies=[Depends(check_callback_token)])


@router.post("/results_ready/", operation_id="receive_results")
def receive_results(callback: Callback, record: RecordDep) -> dict[str, str]:
    """Record what a run reports: progress, results or failure."""
    record(callback, None)
    return READY_ANSWER


add_ready_route(router)

lambda_handler = create_handler(router)
