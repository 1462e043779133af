"""What there is to do: the API's board beside exam-manager's results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from scanhub_workflow.bridge.board import BoardTask, BoardWorkflow
from scanhub_workflow.bridge.connection import Connection
from scanhub_workflow.bridge.exam_manager import ExamWorkflow, Generation
from scanhub_workflow.bridge.raw_data import RawData, find_raw_data
from scanhub_workflow.bridge.reasons import CannotError, NotYetError
from scanhub_workflow.bridge.receiving import FinishedRun, is_set
from scanhub_workflow.bridge.volume import Volume

Find = RawData | FinishedRun | NotYetError | CannotError


@dataclass(frozen=True)
class Work:
    """Something to carry, or the reason why not yet.

    Parameters
    ----------
    key
        As of an `Item`.
    """

    key: str
    workflow_id: str
    task_id: str
    found: Find

    @property
    def mark(self) -> tuple[str, str]:
        """What it is known by once it is done: a scan may give other data later."""
        return self.key, str(self.found.result_id) if isinstance(self.found, RawData) else ""


def is_of_interest(workflow: BoardWorkflow) -> bool:
    """Tell whether a workflow may have something to carry."""
    return any(task.takes_data or task.finished_run_id for task in workflow.tasks or ())


def find_work(
    connection: Connection, volume: Volume, told: BoardWorkflow, now_s: float
) -> list[Work]:
    """Return what is to be carried for a workflow.

    Parameters
    ----------
    told
        As the API has it.
    now_s
        The time by the API's clock [s since 1970].

    Raises
    ------
    ScanHubError
        exam-manager does not say.
    """
    workflow = connection.exam.get_workflow(UUID(told.workflow_id))
    if workflow is None:
        return []
    now = datetime.fromtimestamp(now_s, UTC)
    found: list[Work] = []
    for task in told.tasks or ():
        if task.takes_data and (raw := _find(connection, volume, workflow, task, now)):
            found.append(Work(f"up {task.task_id}", told.workflow_id, task.task_id, raw))
        found += _find_runs(connection.generation, volume, workflow, task)
    return found


def _find(
    connection: Connection, volume: Volume, workflow: ExamWorkflow, task: BoardTask, now: datetime
) -> Find | None:
    try:
        return find_raw_data(volume, workflow, task, connection.generation, now)
    except (NotYetError, CannotError) as reason:
        return reason


def _find_runs(
    generation: Generation, volume: Volume, workflow: ExamWorkflow, told: BoardTask
) -> Iterator[Work]:
    run_id, task = told.finished_run_id, workflow.find_task(told.task_id)
    if run_id is None or task is None:
        return
    is_known = generation is Generation.FEBRUARY_2026 and is_set(workflow.id, task, run_id)
    if not is_known:
        found: Find = FinishedRun(workflow.id, task.id, run_id)
        if volume.is_empty and workflow.has_files:
            found = CannotError("The volume is empty, but ScanHub has files in it: is it mounted?")
        yield Work(f"down {run_id}", str(workflow.id), told.task_id, found)
