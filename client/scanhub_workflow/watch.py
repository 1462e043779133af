"""Follow a workflow or a run until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx

from scanhub_workflow.errors import NotFoundError, ServerError, UnreachableError
from scanhub_workflow.http import Api, Call, get, make_path, parse
from scanhub_workflow.models import DagRunDetail, DagRunState, WorkflowView
from scanhub_workflow.retry import read_retry_after

FIRST_WAIT_S = 1
MAX_WAIT_S = 10
# Each is tried several times: whoever follows something overnight outlives half an hour without the
# API.
MAX_N_OUTAGES = 60
_ENDED_WORKFLOW = frozenset({"completed", "failed", "cancelled"})
_ENDED_DAG_RUN = frozenset({DagRunState.SUCCEEDED, DagRunState.FAILED, DagRunState.CANCELLED})

ViewT = TypeVar("ViewT", WorkflowView, DagRunDetail)


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
    watched = _Watched(
        get(make_path("workflows", workflow_id)),
        WorkflowView,
        lambda workflow: workflow.status in _ENDED_WORKFLOW,
    )
    return _watch(api, watched, timeout_s, 0)


def watch_dag_run(
    api: Api, dag_run_id: str, timeout_s: float | None, appears_within_s: float
) -> Iterator[DagRunDetail]:
    """Yield a run as it is, and again after every change until it has ended.

    Parameters
    ----------
    api
        The API, on behalf of one user.
    dag_run_id
        The run.
    timeout_s
        How long to follow it at most [s]; None for as long as it takes.
    appears_within_s
        How long there may be no such run [s].

    Raises
    ------
    TimeoutError
        It has not ended in time.
    NotFoundError
        It has not appeared in time.
    """
    watched = _Watched(
        # What Airflow shows of it has no part in the ETag, and costs a request to Airflow.
        get(make_path("dag_runs", dag_run_id), params={"task_instances": False}),
        DagRunDetail,
        lambda run: run.state in _ENDED_DAG_RUN,
    )
    return _watch(api, watched, timeout_s, appears_within_s)


@dataclass(frozen=True)
class _Watched(Generic[ViewT]):
    call: Call
    view: type[ViewT]
    has_ended: Callable[[ViewT], bool]


def _watch(
    api: Api, watched: _Watched[ViewT], timeout_s: float | None, appears_within_s: float
) -> Iterator[ViewT]:
    clock = api.retry.clock
    begun_s = clock.now()
    until_s = None if timeout_s is None else begun_s + timeout_s
    etag, wait_s, is_known = "", float(FIRST_WAIT_S), False
    n_outages = 0
    while True:
        try:
            answer = _ask(api, watched.call, etag)
        except NotFoundError:
            left_s = begun_s + appears_within_s - clock.now()
            if is_known or left_s <= 0:
                raise
            wait_s = min(wait_s, left_s)
        except (UnreachableError, ServerError):
            n_outages += 1
            if not is_known or n_outages > MAX_N_OUTAGES:
                raise
        else:
            n_outages = 0
            asked_s = min(read_retry_after(answer), MAX_WAIT_S)
            is_unchanged = answer.status_code == httpx.codes.NOT_MODIFIED
            # A 304 may come with a newer tag, which saves the API the next reads.
            etag = answer.headers.get("ETag", etag if is_unchanged else "")
            if not is_unchanged:
                wait_s, is_known = float(FIRST_WAIT_S), True
                view = parse(answer, watched.view)
                yield view
                if watched.has_ended(view):
                    return
            if asked_s:
                wait_s = max(asked_s, FIRST_WAIT_S)
        if until_s is not None and clock.now() + wait_s > until_s:
            raise TimeoutError("It has not ended in time: it goes on; watch it again.")
        clock.sleep(wait_s)
        wait_s = min(2 * wait_s, MAX_WAIT_S)


def _ask(api: Api, call: Call, etag: str) -> httpx.Response:
    headers = {"If-None-Match": etag} if etag else {}
    return api.send(get(call.path, **call.arguments, headers=headers))
