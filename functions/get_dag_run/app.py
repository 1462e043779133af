"""GET /dag_runs/{dag_run_id}/."""

from fastapi import Response

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dag_run_schemas import DagRunView
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run

router = ScanHubRouter(401, 403, 404, 422, 503)


@router.get(
    "/dag_runs/{dag_run_id}/",
    operation_id="get_dag_run",
    response_model=DagRunView,
    responses=REVALIDATED,
)
def answer(
    dag_run_id: str, ports: UserPortsDep, revalidation: RevalidationDep
) -> DagRunView | Response:
    """Show a run: its state, its progress and its results."""
    run = get_dag_run(ports, dag_run_id)
    # The time of its creation too: one that was deleted may come again, and counts from 1.
    if unchanged := revalidation.answer_unchanged(run.version, run.created_at.isoformat()):
        return unchanged
    return DagRunView.of(run)


app = create_app(router)
lambda_handler = create_handler(app)
