"""GET /uploads/."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, StoreDep, give_settings
from workflow_manager.http.etags import REVALIDATED, RevalidationDep
from workflow_manager.http.list_params import ListQueryDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.http.upload_schemas import UploadList

from fastapi import Response

router = ScanHubRouter(401, 403, 422, 503)


@router.get(
    "/uploads/", operation_id="list_uploads", response_model=UploadList, responses=REVALIDATED
)
def list_uploads(
    store: StoreDep, caller: CallerDep, query: ListQueryDep, revalidation: RevalidationDep
) -> UploadList | Response:
    """List the caller's own open uploads, newest first; one of just now may be missing."""
    kept = timedelta(seconds=give_settings().upload_retention_s)
    # DynamoDB deletes what has expired some days later.
    since = min(max(query.since, caller.cause.at - kept), query.until)
    owner = caller.cause.actor
    find = partial(store.list_uploads, owner, replace(query, since=since))
    found = revalidation.find_page(find, store.read_list_mark(), owner)
    return found if isinstance(found, Response) else UploadList.of(found, kept)


lambda_handler = create_handler(router)
