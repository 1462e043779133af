"""GET /rejected_objects/."""

from functools import partial

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
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
    find = partial(store.list_rejected_objects, query)
    found = revalidation.find_page(find, store.read_list_mark())
    return found if isinstance(found, Response) else RejectedObjectList.of(found)


lambda_handler = create_handler(router)
