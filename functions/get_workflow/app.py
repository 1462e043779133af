"""GET /workflows/{workflow_id}/."""

from workflow_manager.domain.pause import expect_end_of_step
from workflow_manager.domain.waiting import list_asked_runs
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import (
    CallerDep,
    ExamDep,
    StoreDep,
    give_clock,
    give_settings,
)
from workflow_manager.http.etags import (
    LIVE_LIFETIME_S,
    WATCHED,
    RevalidationDep,
    describe_workflow,
)
from workflow_manager.http.ids import PathId
from workflow_manager.http.routing import ScanHubRouter, status_url
from workflow_manager.http.schemas import WorkflowView
from workflow_manager.services.get_workflow import (
    describe_graph,
    list_trail,
)
from workflow_manager.services.get_workflow import (
    get_workflow as use_case,
)

from fastapi import Request, Response

router = ScanHubRouter(400, 401, 403, 404, 409, 422, 502, 503, 504)


@router.get(
    "/workflows/{workflow_id}/",
    operation_id="get_workflow",
    response_model=WorkflowView,
    responses=WATCHED,
)
def get_workflow(
    workflow_id: PathId,
    request: Request,
    store: StoreDep,
    exam: ExamDep,
    caller: CallerDep,
    revalidation: RevalidationDep,
) -> WorkflowView | Response:
    """Show a workflow, its tasks and their progress, and the newest changes."""
    workflow = store.get_workflow(workflow_id)
    revalidation.tell_pause(workflow.moved_at if workflow else None)
    if unchanged := revalidation.recall(describe_workflow(workflow)):
        return unchanged
    graph = use_case(store, exam, give_settings(), workflow_id, workflow, caller.cause)
    runs = store.get_dag_runs(list_asked_runs(graph))
    revalidation.expect(expect_end_of_step(graph, runs, give_clock()()))
    lifetime_s = LIVE_LIFETIME_S if graph.is_scanning else 0
    if unchanged := revalidation.answer_unchanged(*describe_graph(graph), lifetime_s=lifetime_s):
        return unchanged
    url = status_url(request, "workflows", workflow_id)
    return WorkflowView.of(graph, runs, list_trail(store, graph), url)


lambda_handler = create_handler(router)
