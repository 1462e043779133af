"""POST /dag_runs/{dag_run_id}/cancel/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dag_run_schemas import CancelledDagRunView
from workflow_manager.http.dependencies import (
    CallerDep,
    QueueDep,
    StoreDep,
    give_settings,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.cancel_dag_run import cancel_dag_run as use_case

router = ScanHubRouter(401, 403, 404, 409, 422, 503)


@router.post("/dag_runs/{dag_run_id}/cancel/", operation_id="cancel_dag_run")
def cancel_dag_run(
    dag_run_id: PathId,
    store: StoreDep,
    queue: QueueDep,
    caller: CallerDep,
) -> CancelledDagRunView:
    """Cancel a run that has not ended, with the task that waits for it; Airflow stops it."""
    return CancelledDagRunView.of(use_case(store, queue, give_settings(), dag_run_id, caller.cause))


lambda_handler = create_handler(router)
