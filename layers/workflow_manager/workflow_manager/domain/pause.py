"""How long a client that waits for an end may wait before it asks again."""

from collections.abc import Mapping
from datetime import datetime

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.waiting import find_own_run

MIN_PAUSE_S, MAX_PAUSE_S = 1, 10
# Of the time that is left, or by which the end is late.
PAUSE_SHARE = 0.3


def choose_pause_s(moved_at: datetime, ends_at: datetime | None, now: datetime) -> int:
    """Return the time to wait [s], 1 to 10: the age of a step, less towards its expected end.

    Parameters
    ----------
    moved_at
        When the last step began or ended.
    ends_at
        From `expect_end`.
    """
    pause_s = (now - moved_at).total_seconds()
    if ends_at is not None:
        pause_s = min(pause_s, PAUSE_SHARE * abs((ends_at - now).total_seconds()))
    return min(max(round(pause_s), MIN_PAUSE_S), MAX_PAUSE_S)


def expect_end(
    started_at: datetime | None, progress: int, told_at: datetime | None
) -> datetime | None:
    """Return when something ends that goes on as it has so far; None: nothing is known.

    Parameters
    ----------
    progress
        0 to 100 [%], as it was at `told_at`.
    """
    if started_at is None or told_at is None or not 0 < progress <= 100:
        return None
    return started_at + (told_at - started_at) * (100 / progress)


def expect_end_of_run(run: DagRun) -> datetime | None:
    """Return when a run is expected to end."""
    return expect_end(run.started_at, run.progress, run.progress_at)


def expect_end_of_step(
    graph: TaskGraph, runs: Mapping[str, DagRun], now: datetime
) -> datetime | None:
    """Return when the first of a workflow's tasks that go on is expected to end.

    Parameters
    ----------
    graph
        With the progress of its scans as exam-manager has just told it.
    runs
        Those of `list_asked_runs`, by id.
    """
    ends: list[datetime | None] = []
    for task in graph.tasks.values():
        if task.is_scanning and not task.waits_for_data:
            ends.append(expect_end(task.own_times.started_at, task.progress, now))
        elif (run := find_own_run(task, runs)) is not None:
            ends.append(expect_end_of_run(run))
    return min((at for at in ends if at is not None), default=None)
