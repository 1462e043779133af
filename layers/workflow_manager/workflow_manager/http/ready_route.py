"""``/result_ready/{id}``, whose id is a task's or a result's by the deployment's contract."""

from workflow_manager.contract import Contract, get_contract
from workflow_manager.http.dag_reports import RecordDep
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.receive_results import Callback

READY_ANSWER = {"message": "Results ready notification sent successfully."}


def add_ready_route(router: ScanHubRouter) -> None:
    """Add the route to a router."""
    of_result = get_contract() is Contract.FEBRUARY_2026
    path, endpoint = (
        ("/result_ready/{result_id}", _receive_of_result)
        if of_result
        else ("/result_ready/{task_id}", _receive_of_task)
    )
    summary = "Receive Task Results"
    router.post(path, operation_id="receive_task_results", summary=summary)(endpoint)


def _receive_of_task(task_id: PathId, callback: Callback, record: RecordDep) -> dict[str, str]:
    """Record what the run of a task reports."""
    record(callback, task_id)
    return READY_ANSWER


def _receive_of_result(result_id: PathId, callback: Callback, record: RecordDep) -> dict[str, str]:
    """Record what a run reports of its result; the token tells which run it is.

    A success that names no files says only that the run has ended: the reconciler finds that, and
    its files, in Airflow and the data lake.
    """
    if callback.success is not True or callback.has_results:
        record(callback, None)
    return READY_ANSWER
