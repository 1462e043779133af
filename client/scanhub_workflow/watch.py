"""Follow a workflow until it has ended."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from scanhub_workflow.http import Api, get, make_path, parse
from scanhub_workflow.models import WorkflowView

FIRST_WAIT_S = 1
MAX_WAIT_S = 10
_ENDED = frozenset({"completed", "failed", "cancelled"})


def watch_workflow(api: Api, workflow_id: str, timeout_s: float | None) -> Iterator[WorkflowView]:
    """Yield a workflow as it is, and again after every change until it has ended.

    Parameters
    ----------
    api
        The API, on behalf of one user.
    workflow_id
        The workflow.
    timeout_s
        How long to follow it at most [s]; None for as long as it takes.

    Raises
    ------
    TimeoutError
        It has not ended in time.
    """
    clock = api.retry.clock
    until_s = None if timeout_s is None else clock.now() + timeout_s
    etag, wait_s = "", float(FIRST_WAIT_S)
    while True:
        headers = {"If-None-Match": etag} if etag else {}
        answer = api.send(get(make_path("workflows", workflow_id), headers=headers))
        if answer.status_code != httpx.codes.NOT_MODIFIED:
            etag, wait_s = answer.headers.get("ETag", ""), FIRST_WAIT_S
            workflow = parse(answer, WorkflowView)
            yield workflow
            if workflow.status in _ENDED:
                return
        if until_s is not None and clock.now() + wait_s > until_s:
            raise TimeoutError("The workflow has not ended in time: it goes on; watch it again.")
        clock.sleep(wait_s)
        wait_s = min(2 * wait_s, MAX_WAIT_S)
