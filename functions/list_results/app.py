"""GET /dag_runs/{dag_run_id}/results/."""

from datetime import timedelta

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, LakeDep, StoreDep, give_settings
from workflow_manager.http.etags import (
    LIST_LIFETIME_S,
    REVALIDATED,
    RevalidationDep,
    count_periods,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.list_params import (
    DEFAULT_LIMIT,
    KeyCursor,
    Limit,
    refuse_unknown_parameters,
)
from workflow_manager.http.result_schemas import ResultList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run
from workflow_manager.services.list_results import list_results as use_case

from fastapi import Request, Response

router = ScanHubRouter(401, 403, 404, 422, 502, 503, 504)


@router.get(
    "/dag_runs/{dag_run_id}/results/",
    operation_id="list_results",
    response_model=ResultList,
    responses=REVALIDATED,
)
def list_results(
    dag_run_id: PathId,
    store: StoreDep,
    lake: LakeDep,
    caller: CallerDep,
    request: Request,
    revalidation: RevalidationDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: KeyCursor = None,
) -> ResultList | Response:
    """List the files of a run with URLs that download them, for a few minutes."""
    refuse_unknown_parameters(request)
    run = get_dag_run(store, dag_run_id)
    lifetime_s = give_settings().download_url_lifetime_s
    # Half of the time for which the URLs of an unchanged answer are good is still to come.
    period = count_periods(min(LIST_LIFETIME_S, lifetime_s / 2))
    facts = (run.version, run.created_at.isoformat(), period)
    # The URLs need no token: they must not stay in a cache.
    unchanged = revalidation.answer_unchanged(*facts, cache_control="no-store")
    if unchanged:
        return unchanged
    page = use_case(lake, run, cursor, limit)
    return ResultList.of(run, page, caller.cause.at + timedelta(seconds=lifetime_s))


lambda_handler = create_handler(router)
