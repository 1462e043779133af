"""GET /dag_runs/{dag_run_id}/results/."""

from datetime import timedelta

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, LakeDep, StoreDep, give_settings
from workflow_manager.http.ids import PathId
from workflow_manager.http.list_params import DEFAULT_LIMIT, KeyCursor, Limit
from workflow_manager.http.result_schemas import ResultList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_dag_run import get_dag_run
from workflow_manager.services.list_results import list_results as use_case

from fastapi import Response

router = ScanHubRouter(401, 403, 404, 422, 502, 503, 504)


@router.get("/dag_runs/{dag_run_id}/results/", operation_id="list_results")
def list_results(
    dag_run_id: PathId,
    store: StoreDep,
    lake: LakeDep,
    caller: CallerDep,
    response: Response,
    limit: Limit = DEFAULT_LIMIT,
    cursor: KeyCursor = None,
) -> ResultList:
    """List the files of a run with URLs that download them, for a few minutes."""
    run = get_dag_run(store, dag_run_id)
    page = use_case(lake, run, cursor, limit)
    # The URLs need no token: they must not stay in a cache.
    response.headers["Cache-Control"] = "no-store"
    lifetime = timedelta(seconds=give_settings().download_url_lifetime_s)
    return ResultList.of(run, page, caller.cause.at + lifetime)


lambda_handler = create_handler(router)
