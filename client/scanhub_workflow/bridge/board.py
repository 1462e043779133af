"""What is under way, as the API's board shows it; asked again, an unchanged page costs nothing."""

from __future__ import annotations

import time
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import httpx
from pydantic import BaseModel

from scanhub_workflow.http import Api, get, parse

PAGE_SIZE = 100
MAX_N_PAGES = 100
# Of 2025-03 and, should the API ever say it so, of 2026-02.
_SCANS = frozenset({"DEVICE_TASK_SDK", "DEVICE_TASK_SIMULATOR", "ACQUISITION"})
# One that has failed takes data: its start was not confirmed, but the scan may have run.
_TAKES_DATA = frozenset({"PENDING", "IN_PROGRESS", "FAILED"})


class BoardTask(BaseModel):
    """A task as the board shows it; words of a newer server are taken as they are."""

    task_id: str
    task_type: str
    status: str
    attempt: int = 0
    dag_run_id: str | None = None
    started_at: datetime | None = None

    @property
    def takes_data(self) -> bool:
        """Whether it is a scan whose raw data is not here yet."""
        return self.task_type in _SCANS and self.status in _TAKES_DATA

    @property
    def finished_run_id(self) -> str | None:
        """The run whose images there are."""
        is_finished = self.status == "COMPLETED" and self.task_type not in _SCANS
        return self.dag_run_id if is_finished else None


class BoardWorkflow(BaseModel):
    """A workflow as the board shows it."""

    workflow_id: str
    tasks: list[BoardTask] | None = None


class _Page(BaseModel):
    workflows: list[BoardWorkflow]
    next_cursor: str | None = None


class _Read(NamedTuple):
    etag: str
    page: _Page


class Board:
    """The workflows of the last 30 days with their tasks.

    Parameters
    ----------
    api
        The API, on behalf of the service account.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._skew_s: float | None = None
        self._known: dict[str, _Read] = {}

    def read(self) -> list[BoardWorkflow]:
        """Return them as they are now, newest first."""
        found: list[BoardWorkflow] = []
        seen: dict[str, _Read] = {}
        cursor: str | None = ""
        while cursor is not None and len(seen) < MAX_N_PAGES:
            read = seen[cursor] = self._read_page(cursor)
            found += read.page.workflows
            cursor = read.page.next_cursor
        self._known = seen
        return found

    def find_time(self) -> float | None:
        """Return the time by the API's clock [s since 1970]; None if it has told none."""
        return None if self._skew_s is None else self._skew_s + time.monotonic()

    def _read_page(self, cursor: str) -> _Read:
        params: dict[str, Any] = {"include": "tasks", "limit": PAGE_SIZE}
        if cursor:
            params["cursor"] = cursor
        known = self._known.get(cursor)
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        answer = self._api.send(get("workflows/", params=params, headers=headers))
        self._skew_s = _read_skew(answer)
        if known and answer.status_code == httpx.codes.NOT_MODIFIED:
            return known
        return _Read(answer.headers.get("ETag", ""), parse(answer, _Page))


def _read_skew(answer: httpx.Response) -> float | None:
    # Not beside this machine's time of day, which somebody may set.
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return date.timestamp() - time.monotonic()
