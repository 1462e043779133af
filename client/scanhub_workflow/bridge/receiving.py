"""A finished run on its way down: its images into the volume, then the word to exam-manager."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from uuid import UUID

from scanhub_workflow.bridge.api import BridgeApi
from scanhub_workflow.bridge.exam_manager import (
    ExamManager,
    ExamResult,
    ExamTask,
    Generation,
    ResultContent,
)
from scanhub_workflow.bridge.images import OnBytes, bring, list_images
from scanhub_workflow.bridge.reasons import CannotError, NotYetError
from scanhub_workflow.bridge.volume import Volume, name_place
from scanhub_workflow.names import is_plain_name

# ScanHub's page puts its own address in place of this one, which is the only one that it knows.
INSTANCES_URL = "https://localhost:8443/api/v1/exam/dcm"


@dataclass(frozen=True)
class FinishedRun:
    """A run that has succeeded, and the task that it was for."""

    workflow_id: UUID
    task_id: UUID
    dag_run_id: str


@dataclass(frozen=True)
class Receiver:
    """Brings finished runs down.

    Parameters
    ----------
    generation
        Which contract exam-manager speaks.
    """

    api: BridgeApi
    exam: ExamManager
    volume: Volume
    generation: Generation

    def receive(self, run: FinishedRun, stop: threading.Event, on_bytes: OnBytes) -> int:
        """Bring the images of a run down, and tell exam-manager; return how many there are.

        Parameters
        ----------
        run
            The run.
        stop
            Ends it.
        on_bytes
            Is told how much is done, of how much [bytes].

        Raises
        ------
        CannotError
            It cannot be brought down.
        ScanHubError
            A service refused it, or is away.
        """
        listing = list_images(self.api, run.dag_run_id)
        if listing is None:
            return 0
        self.volume.check()
        result = self._find_result(run)
        name = run.dag_run_id if result is None else str(result.id)
        if not is_plain_name(name, is_windows=False):
            raise CannotError("The id of the run is no plain name.")
        folder = self.volume.root / str(run.workflow_id) / str(run.task_id) / name
        names = bring(self.api, listing, self.volume, folder, stop, on_bytes)
        if result is not None:
            self._set_result(run, result.id, names)
        return len(names)

    def _find_result(self, run: FinishedRun) -> ExamResult | None:
        """Return the result of the run, made if there is none; 2025-03 has no place for one."""
        if self.generation is not Generation.FEBRUARY_2026:
            return None
        # As it is now: another one may have been made since the last look.
        found = find_result(self._get_task(run), run.dag_run_id)
        return found or self.exam.create_result(run.task_id)

    def _get_task(self, run: FinishedRun) -> ExamTask:
        workflow = self.exam.get_workflow(run.workflow_id)
        task = workflow.find_task(str(run.task_id)) if workflow else None
        if task is None:
            raise CannotError("exam-manager has no such task any more.")
        return task

    def _set_result(self, run: FinishedRun, result_id: UUID, names: list[str]) -> None:
        # As it is now: what somebody has written into it since then would be reset.
        result = find_result(self._get_task(run), run.dag_run_id)
        if result is None or result.id != result_id:
            raise NotYetError("Its result has changed while its images came.")
        place = name_place(run.workflow_id, run.task_id, result.id)
        url = f"{INSTANCES_URL}/{run.workflow_id}/{run.task_id}/{result.id}"
        meta = {
            "run_id": run.dag_run_id,
            "instance_count": len(names),
            "instances": [f"{url}/{name}" for name in names],
        }
        content = ResultContent(
            type="DICOM", directory=place, files=names, meta=(result.meta or {}) | meta
        )
        self.exam.set_result(result.id, content)


def find_result(task: ExamTask, dag_run_id: str) -> ExamResult | None:
    """Return the result of a run, or else a blank one that waits for its run."""
    newest_first = sorted(task.results, key=lambda each: each.datetime_created, reverse=True)
    named = (each for each in newest_first if (each.meta or {}).get("run_id") == dag_run_id)
    blank = (each for each in newest_first if not each.directory and not each.meta)
    return next(named, None) or next(blank, None)


def is_set(workflow_id: UUID, task: ExamTask, dag_run_id: str) -> bool:
    """Tell whether exam-manager leads the viewer to the images of a run (2026-02)."""
    result = find_result(task, dag_run_id)
    if result is None or not result.meta:
        return False
    place = name_place(workflow_id, task.id, result.id)
    return bool(result.meta.get("instances")) and result.directory == place
