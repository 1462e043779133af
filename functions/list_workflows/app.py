"""GET /workflows/."""

from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, get_caller
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.list_schemas import WorkflowList
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.list_workflows import read_board

from fastapi import Depends, Query, Response

Include = Annotated[Literal["tasks"] | None, Query(description="Show the tasks too.")]
DeviceId = Annotated[
    str | None, Query(max_length=64, description="With a scan on this device, their tasks shown.")
]
router = ScanHubRouter(401, 403, 422, 503, dependencies=[Depends(get_caller)])


@router.get(
    "/workflows/",
    operation_id="list_workflows",
    response_model=WorkflowList,
    response_model_exclude_unset=True,  # without `include`, as before there was any
    responses=REVALIDATED,
)
def list_workflows(
    store: StoreDep,
    query: ListQueryDep,
    revalidation: RevalidationDep,
    status: WorkflowStatus | None = None,
    include: Include = None,
    device_id: DeviceId = None,
) -> WorkflowList | Response:
    """List the workflows that were processed, newest first; one of just now may be missing."""
    find = partial(store.list_workflows, replace(query, state=status))
    page = revalidation.find_page(find, store.read_list_mark())
    if isinstance(page, Response):
        return page
    if include is None and device_id is None:
        return WorkflowList.of(page)
    return WorkflowList.of_board(read_board(store, page.items, device_id), page.next_cursor)


lambda_handler = create_handler(router)
