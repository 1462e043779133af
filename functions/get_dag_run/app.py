"""GET /dag_runs/{dag_run_id}/."""

from fastapi import Response

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dag_run_schemas import DagRunDetail
from workflow_manager.http.dependencies import UserPortsDep
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run, look_into_airflow

router = ScanHubRouter(401, 403, 404, 422, 503)


@router.get(
    "/dag_runs/{dag_run_id}/",
    operation_id="get_dag_run",
    response_model=DagRunDetail,
    responses=REVALIDATED,
)
def answer(
    dag_run_id: str, ports: UserPortsDep, revalidation: RevalidationDep
) -> DagRunDetail | Response:
    """Show a run: its state, its progress and its results, and its tasks in Airflow.

    The tag is that of our own state, so that asking again costs Airflow nothing: it changes with
    the state, and at least once a minute while tasks in Airflow get done.
    """
    run = get_dag_run(ports, dag_run_id)
    # The time of its creation too: one that was deleted may come again, and counts from 1.
    if unchanged := revalidation.answer_unchanged(run.version, run.created_at.isoformat()):
        return unchanged
    return DagRunDetail.with_airflow(run, look_into_airflow(ports, run))


app = create_app(router)
lambda_handler = create_handler(app)
