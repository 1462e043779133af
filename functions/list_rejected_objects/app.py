"""GET /rejected_objects/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.etags import (
    LIST_LIFETIME_S,
    REVALIDATED,
    RevalidationDep,
    describe_page,
)
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import RejectedObjectList
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Depends, Response

router = ScanHubRouter(401, 403, 422, 503, dependencies=[Depends(get_caller)])


@router.get(
    "/rejected_objects/",
    operation_id="list_rejected_objects",
    response_model=RejectedObjectList,
    responses=REVALIDATED,
)
def list_rejected_objects(
    store: StoreDep, query: ListQueryDep, revalidation: RevalidationDep
) -> RejectedObjectList | Response:
    """List the objects that came into the data lake and caused nothing, newest first."""
    if unchanged := revalidation.recall(store.read_list_mark()):
        return unchanged
    page = store.list_rejected_objects(query)
    facts = describe_page(page)
    unchanged = revalidation.answer_unchanged(*facts, lifetime_s=LIST_LIFETIME_S)
    return unchanged or RejectedObjectList.of(page)


lambda_handler = create_handler(router)
