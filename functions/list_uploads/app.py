"""GET /uploads/."""

from dataclasses import replace
from datetime import timedelta

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep, StoreDep, give_settings
from workflow_manager.http.etags import (
    LIST_LIFETIME_S,
    REVALIDATED,
    RevalidationDep,
    describe_page,
)
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
    if unchanged := revalidation.recall(store.read_list_mark(), caller.cause.actor):
        return unchanged
    kept = timedelta(seconds=give_settings().upload_retention_s)
    # DynamoDB deletes what has expired some days later.
    since = min(max(query.since, caller.cause.at - kept), query.until)
    page = store.list_uploads(caller.cause.actor, replace(query, since=since))
    facts = describe_page(page)
    unchanged = revalidation.answer_unchanged(*facts, lifetime_s=LIST_LIFETIME_S)
    return unchanged or UploadList.of(page, kept)


lambda_handler = create_handler(router)
