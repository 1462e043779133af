"""GET /dag_runs/{dag_run_id}/."""

from typing import Annotated

from workflow_manager.domain.pause import expect_end_of_run
from workflow_manager.http.app import create_handler
from workflow_manager.http.dag_run_schemas import DagRunDetail
from workflow_manager.http.dependencies import OrchestratorDep, StoreDep, get_caller
from workflow_manager.http.etags import (
    LIST_LIFETIME_S,
    LIVE_LIFETIME_S,
    WATCHED,
    RevalidationDep,
    count_periods,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run as use_case
from workflow_manager.services.get_dag_run import look_into_airflow

from fastapi import Depends, Query, Response

WithAirflow = Annotated[bool, Query(alias="task_instances", description="Ask Airflow too.")]
router = ScanHubRouter(401, 403, 404, 422, 503, dependencies=[Depends(get_caller)])


@router.get(
    "/dag_runs/{dag_run_id}/",
    operation_id="get_dag_run",
    response_model=DagRunDetail,
    responses=WATCHED,
)
def get_dag_run(
    dag_run_id: PathId,
    store: StoreDep,
    orchestrator: OrchestratorDep,
    revalidation: RevalidationDep,
    with_airflow: WithAirflow = True,
) -> DagRunDetail | Response:
    """Show a run, with its tasks in Airflow; a 304 may keep these for 15 s, 60 s after its end."""
    run = use_case(store, dag_run_id)
    # The time of its creation too: one that was deleted may come again, and counts from 1.
    # Airflow may have been away, and ends its tasks after the callback that ends the run.
    lifetime_s = LIST_LIFETIME_S if run.state.is_final else LIVE_LIFETIME_S
    period = count_periods(lifetime_s) if with_airflow else None
    revalidation.tell_pause(run.moved_at)
    revalidation.expect(expect_end_of_run(run))
    facts = (run.version, run.created_at.isoformat(), period)
    if unchanged := revalidation.answer_unchanged(*facts):
        return unchanged
    return DagRunDetail.of_both(run, look_into_airflow(orchestrator, run) if with_airflow else None)


lambda_handler = create_handler(router)
