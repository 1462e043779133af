"""The parameter that lets a retry of a whole workflow be sent again at any time."""

from datetime import datetime, time
from typing import Annotated

from fastapi import Depends, Query

from workflow_manager.http.list_params import parse_time

_FailedBy = Annotated[
    str | None,
    Query(
        max_length=40,
        description="ISO date-time, UTC unless it says otherwise, as the workflow's `updated_at` "
        "that you have seen: only what had failed by then is started, however often you call.",
    ),
]


async def get_failed_by(failed_by: _FailedBy = None) -> datetime | None:
    """Return the time that the caller names, if he does."""
    return parse_time("failed_by", failed_by, time.max) if failed_by else None


FailedByDep = Annotated[datetime | None, Depends(get_failed_by)]
