"""Which file of the volume is a scan's raw data, by what exam-manager says of it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path, PurePosixPath
from uuid import UUID

from scanhub_workflow.bridge.board import BoardTask
from scanhub_workflow.bridge.exam_manager import ExamResult, ExamTask, ExamWorkflow, Generation
from scanhub_workflow.bridge.reasons import CannotError, NotYetError
from scanhub_workflow.bridge.volume import Volume, name_place
from scanhub_workflow.files import Fingerprint

# What device-manager puts beside a file.
PARAMETER_FILE = "device_parameter.json"
OTHERS = "Its result names a directory that is not its own."
CALIBRATION = "CALIBRATION"
# Between the clocks of ScanHub, of this machine and of the API.
CLOCK_SKEW = timedelta(minutes=1)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")


@dataclass(frozen=True)
class RawData:
    """The raw data of one scan.

    Parameters
    ----------
    path
        Its file.
    """

    workflow_id: UUID
    task_id: UUID
    result_id: UUID
    path: Path = field(repr=False)

    @property
    def told_name(self) -> str:
        """What the API is told in place of the file's name, which may be a patient's."""
        suffix = self.path.suffix.lower()
        return f"{self.result_id}{suffix if _SUFFIX.fullmatch(suffix) else ''}"

    def make_key(self, file: Fingerprint) -> str:
        """Return the Idempotency-Key of its upload: the same after every restart.

        Parameters
        ----------
        file
            Its file, as it is.
        """
        facts = [self.task_id, self.result_id, self.path.name, file.size_bytes, file.modified_ns]
        text = "\0".join(map(str, facts))
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def find_raw_data(
    volume: Volume, workflow: ExamWorkflow, told: BoardTask, generation: Generation, now: datetime
) -> RawData | None:
    """Return the raw data of a scan; None if there is no word of any.

    Parameters
    ----------
    workflow
        As exam-manager has it.
    told
        The scan, as the API has it.
    now
        The time.

    Raises
    ------
    NotYetError
        It is on its way.
    CannotError
        There is a word of it, and it cannot be taken.
    """
    task = workflow.find_task(told.task_id)
    results = [each for each in task.results if each.type != CALIBRATION] if task else []
    if task is None or not results:
        return None
    newest = max(results, key=lambda each: _to_utc(each.datetime_created))
    if not newest.directory:
        raise NotYetError("Its newest result is blank: a transfer is under way, or broke off.")
    if told.attempt > 1 and told.started_at and _is_older(newest, told.started_at, workflow, now):
        # The scan before has given it.
        return None
    name = _choose_name(newest)
    ids = (workflow.id, task.id, newest.id)
    directory = newest.directory
    if generation is Generation.FEBRUARY_2026:
        if PurePosixPath(directory).parts[-3:] != tuple(map(str, ids)):
            raise CannotError(OTHERS)
        # Wherever ScanHub's services have the volume.
        directory = name_place(*ids)
    elif not _is_own(directory, ids):
        raise CannotError(OTHERS)
    return RawData(*ids, volume.locate(directory, name))


def _is_own(directory: str, ids: tuple[UUID, UUID, UUID]) -> bool:
    # In 2025-03 it is anybody's choice, but never the folder of another workflow or task.
    named = filter(_ID.fullmatch, directory.lower().split("/"))
    return set(islice(named, 2)) <= set(map(str, ids))


def _choose_name(result: ExamResult) -> str:
    names = [name for name in result.names if name != PARAMETER_FILE]
    if not names:
        raise CannotError("Its result names a directory, but no file.")
    if len(names) > 1:
        raise CannotError("Its result names several files: upload the raw data by hand.")
    if names[0].endswith(".part"):
        raise NotYetError("Its file is not whole yet.")
    return names[0]


def _is_older(
    result: ExamResult, started_at: datetime, workflow: ExamWorkflow, now: datetime
) -> bool:
    # ScanHub tells times without a zone. None of them is of the future, so the newest one says by
    # how much its clock shows more than UTC at least: a result was made at that time or before.
    times = _list_times(workflow)
    shift = max((each - now for each in times), default=timedelta(hours=-12))
    made_by = _to_utc(result.datetime_created) - max(shift, timedelta(hours=-12))
    return made_by < started_at - CLOCK_SKEW


def _list_times(workflow: ExamWorkflow) -> list[datetime]:
    tasks: list[ExamTask] = workflow.tasks
    told = [each for task in tasks for each in (task.datetime_created, task.datetime_updated)]
    told += [result.datetime_created for task in tasks for result in task.results]
    return [_to_utc(each) for each in told if each is not None]


def _to_utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
