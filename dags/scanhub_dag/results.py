"""What a run leaves, within what the workflow manager takes (docs/dags/callback.schema.json)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from scanhub_dag.errors import RunError

ResultType = Literal["DICOM", "MRD", "NUMPY", "CALIBRATION"]

# The second: of a workflow manager that tells no version of its conf.
MAX_RESULTS, MAX_RESULTS_BEFORE = 1000, 20
MAX_RESULTS_BYTES, MAX_KEY_LENGTH = 100_000, 1024
MAX_FACTS, MAX_FACT_NAME_LENGTH, MAX_TEXT_LENGTH, MAX_NUMBERS = 30, 100, 200, 16
# Folders are allowed, a way out of the run's own is not; no letter that a URL would change.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
# A browser may be sent to a result: what could run there has no type of its own.
_MEDIA_TYPES = {
    ".dcm": "application/dicom",
    ".h5": "application/x-hdf5",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mrd": "application/x-hdf5",
    ".png": "image/png",
}


@dataclass(slots=True)
class Results:
    """The results of a run, in the order in which they were added.

    Parameters
    ----------
    prefix
        The run's folder in the data lake.
    """

    prefix: str
    _entries: list[dict[str, Any]] = field(default_factory=list)
    _paths: dict[str, Path | None] = field(default_factory=dict)

    def claim_name(self, name: str, path: Path, *, is_preview: bool = False) -> tuple[str, bool]:
        """Return the key of a file, and whether it is a new one: a picture may be shown often.

        Raises
        ------
        RunError
            If the file is not there, or its name is taken or leads elsewhere.
        """
        key = f"{self.prefix.rstrip('/')}/{name}"
        if not _NAME.fullmatch(name) or len(key) > MAX_KEY_LENGTH:
            raise RunError(
                "The DAG named a result in another way than letters, digits, '.', '_' and '-', "
                "with '/' between folders, below the run's own."
            )
        if not path.is_file():
            raise RunError("The DAG named a result that it has not written.")
        is_new = name not in self._paths
        owner = path.absolute() if is_preview else None
        if not is_new and (owner is None or self._paths[name] != owner):
            raise RunError("The DAG left two files of one name.")
        self._paths[name] = owner
        return key, is_new

    def add(
        self, kind: str, key: str, preview_key: str | None, metadata: Mapping[str, Any]
    ) -> None:
        """Note one more result.

        Raises
        ------
        RunError
            If it, or all together, are more than the workflow manager takes.
        """
        if kind not in get_args(ResultType):
            terms = ", ".join(get_args(ResultType))
            raise RunError(f"The DAG named a result of another type than {terms}.")
        entry: dict[str, Any] = {"type": kind, "key": key}
        if preview_key is not None:
            entry["preview_key"] = preview_key
        self._entries.append(entry | {"metadata": _check_metadata(metadata)})

    def take_back(self, key: str) -> None:
        """Forget the result that was added last, so that it may be added again."""
        del self._entries[-1]
        del self._paths[key.removeprefix(f"{self.prefix.rstrip('/')}/")]

    def describe(self, max_results: int) -> list[dict[str, Any]]:
        """Return what to report: all, else the facts of a series once, else its first file only.

        A series are results after each other that have type, preview and facts in common.

        Parameters
        ----------
        max_results
            How many the workflow manager takes.

        Raises
        ------
        RunError
            If even that is too much.
        """
        series = [list(each) for _, each in groupby(self._entries, _series_of)]
        briefly = [
            entry if entry is each[0] else entry | {"metadata": {}}
            for each in series
            for entry in each
        ]
        for told in (self._entries, briefly, [each[0] for each in series]):
            if len(told) <= max_results and sum(map(_count_bytes, told)) <= MAX_RESULTS_BYTES:
                return told
        raise RunError(
            f"The DAG left more than can be told: {max_results} results and {MAX_RESULTS_BYTES} "
            "bytes of their facts at most, where files with the same type, preview and metadata "
            "count as one."
        )


def media_type_of(path: Path) -> str:
    """Return the media type of a file, by its name."""
    return _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")


def _series_of(entry: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in entry.items() if name != "key"})


def _count_bytes(entry: dict[str, Any]) -> int:
    full = {"preview_key": None, **entry}
    return len(json.dumps(full, ensure_ascii=False, separators=(",", ":")).encode())


def _check_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if len(metadata) > MAX_FACTS:
        raise RunError(f"A result has {len(metadata)} facts; {MAX_FACTS} can be told.")
    return {_check_fact_name(name): _check_fact(name, value) for name, value in metadata.items()}


def _check_fact_name(name: Any) -> str:
    if not _is_text(name, MAX_FACT_NAME_LENGTH):
        raise RunError(f"A fact's name is to be a text of {MAX_FACT_NAME_LENGTH} letters at most.")
    return str(name)


def _check_fact(name: str, value: Any) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's
    if value is None or isinstance(value, bool) or _is_number(value):
        return value
    if _is_text(value, MAX_TEXT_LENGTH):
        return value
    is_short = isinstance(value, list | tuple) and len(value) <= MAX_NUMBERS
    if is_short and all(map(_is_number, value)):
        return list(value)
    raise RunError(
        f"The fact {name} is none of: a text of {MAX_TEXT_LENGTH} letters at most, a finite "
        f"number, a bool, nothing, or {MAX_NUMBERS} numbers at most."
    )


def _is_text(value: object, max_length: int) -> bool:
    """Return whether it can be told in UTF-8: a file's name may hold what cannot."""
    is_short = isinstance(value, str) and len(value) <= max_length
    return is_short and not any("\ud800" <= letter <= "\udfff" for letter in str(value))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max
