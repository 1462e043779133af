"""GET /workflows/{workflow_id}/events/."""

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.etags import REVALIDATED, RevalidationDep, describe_workflow
from workflow_manager.http.ids import PathId
from workflow_manager.http.list_params import (
    DEFAULT_LIMIT,
    EventId,
    Limit,
    refuse_unknown_parameters,
)
from workflow_manager.http.list_schemas import EventList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_workflow_events import list_workflow_events as use_case

from fastapi import Depends, Request, Response

router = ScanHubRouter(401, 403, 404, 422, 503, dependencies=[Depends(get_caller)])


@router.get(
    "/workflows/{workflow_id}/events/",
    operation_id="list_workflow_events",
    response_model=EventList,
    responses=REVALIDATED,
)
def list_workflow_events(
    workflow_id: PathId,
    request: Request,
    store: StoreDep,
    revalidation: RevalidationDep,
    limit: Limit = DEFAULT_LIMIT,
    cursor: EventId = None,
) -> EventList | Response:
    """List every change of a workflow and of its tasks and runs, oldest first."""
    refuse_unknown_parameters(request)
    if (workflow := store.get_workflow(workflow_id)) is None:
        raise NotFoundError("There is no such workflow, or it was never processed.")
    version = describe_workflow(workflow)
    unchanged = revalidation.answer_unchanged(version) if version else None
    return unchanged or EventList.of(use_case(store, workflow, cursor, limit))


lambda_handler = create_handler(router)
