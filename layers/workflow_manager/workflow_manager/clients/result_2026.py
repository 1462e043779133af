"""The result of a run in exam-manager of 2026-02, as ScanHub's page reads it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from workflow_manager.clients.exam_records_2026 import ResultRecord
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.told_run import ToldFile, ToldRun, flat_name

# ScanHub's page puts its own origin in the place of this one.
IMAGES_URL = "https://localhost:8443/api/v1/exam/dcm"


def choose_result(results: Sequence[ResultRecord], told: ToldRun) -> ResultRecord | None:
    """Return the result that a run has, or the newest if it is blank; None: neither.

    Parameters
    ----------
    results
        Those of its task, in any order.
    """
    newest_first = sorted(results, key=lambda each: each.datetime_created, reverse=True)
    own = (each for each in newest_first if (each.meta or {}).get("run_id") == told.dag_run_id)
    # ScanHub's page shows the newest: what goes into an older one is not seen.
    return next(own, None) or next((each for each in newest_first[:1] if each.is_blank), None)


def is_told(result: ResultRecord) -> bool:
    """Tell whether a result shows what its run has left: where it lies is nobody's to undo."""
    return "instance_count" in (result.meta or {})


def describe_result(
    workflow_id: str, task_id: str, result_id: str, told: ToldRun
) -> dict[str, Any]:
    """Return what a run's result is to hold: ``type``, ``directory``, ``files``, ``meta``.

    ScanHub's viewer shows ``meta.instances``; the last four parts of each path are ids and name.
    """
    files = sorted({_name_of(told, each): each for each in told.files}.items())
    own = [(name, each) for name, each in files if _is_own(told, each)]
    images = [name for name, each in own if each.type is ResultType.DICOM]
    directory = _directory_of(told)
    meta: dict[str, Any] = {"run_id": told.dag_run_id}
    if told.has_succeeded:
        place = f"{IMAGES_URL}/{workflow_id}/{task_id}/{result_id}"
        meta["instance_count"] = len(images)
        meta["instances"] = [f"{place}/{_quote(flat_name(name))}" for name in images]
    if told.reason is not None:
        # The only word to the operator of which ScanHub has a place.
        meta["reason"] = told.reason
    return {
        "type": _type_of(told).value,
        "directory": f"{directory}/" if directory else "",
        "files": [name for name, _ in files],
        "meta": meta,
    }


def _type_of(told: ToldRun) -> ResultType:
    types = [each.type for each in told.files]
    return ResultType.DICOM if ResultType.DICOM in types or not types else types[0]


def _directory_of(told: ToldRun) -> str:
    is_elsewhere = told.files and not any(_is_own(told, each) for each in told.files)
    return told.files[0].directory if is_elsewhere else told.directory


def _is_own(told: ToldRun, file: ToldFile) -> bool:
    return f"{file.directory}/".startswith(f"{told.directory}/")


def _name_of(told: ToldRun, file: ToldFile) -> str:
    path = f"{file.directory}/{file.filename}" if file.directory else file.filename
    return path.removeprefix(f"{told.directory}/") if _is_own(told, file) else file.filename


def _quote(name: str) -> str:
    # Half of a pair of surrogates is in no name of anybody's.
    return quote(name, safe="", errors="replace")
