"""What a run works on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from scanhub_dag.conf import InputConf, InputResult
from scanhub_dag.errors import RunError

if TYPE_CHECKING:
    from scanhub_dag.object_store import ObjectStore

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,16}")


class _Given:
    """A sequence that says in a sentence what it does not hold."""

    sentence = ""

    def __getitem__(self, index: Any) -> Any:
        """Return what stands there."""
        try:
            return super().__getitem__(index)  # type: ignore[misc]  # tuple's or list's
        except IndexError:
            raise RunError(self.sentence) from None


class _Inputs(_Given, tuple["Input", ...]):
    sentence = "The DAG works on more inputs than the task takes."


class _Paths(_Given, list[Path]):
    sentence = "The DAG works on more files than its input has left."


@dataclass(frozen=True, slots=True)
class Input:
    """What one task, or an upload, gives to the run.

    Parameters
    ----------
    number
        Its place in the list of inputs, from 1.
    task_id, dag_run_id
        The task and its run; None where there is none.
    type
        ScanHub's type of the task, such as `RECONSTRUCTION_TASK`; None for an upload.
    results
        All that it left, in order; empty if it left nothing.
    """

    number: int
    task_id: str | None
    dag_run_id: str | None
    type: str | None
    results: tuple[InputResult, ...]
    _folder: Path = field(repr=False)
    _store: ObjectStore = field(repr=False)

    def download(self) -> list[Path]:
        """Save all results in the run's folder and return their paths, in the order of `results`.

        Raises
        ------
        RunError
            If a result was erased meanwhile, may not be read, or is too large for the disk. The
            list raises it too, where a path is asked for that is not there.
        """
        self._folder.mkdir(exist_ok=True)
        paths = _Paths(
            self._folder / f"{index:05d}{_read_suffix(result.key)}"
            for index, result in enumerate(self.results)
        )
        for result, path in zip(self.results, paths, strict=True):
            self._store.download(result, path, name=f"Input {self.number}")
        return paths


def make_inputs(
    confs: tuple[InputConf, ...], folder: Path, store: ObjectStore
) -> tuple[Input, ...]:
    """Return the inputs of a run, none of them downloaded yet."""
    return _Inputs(
        Input(
            number,
            conf.task_id,
            conf.dag_run_id,
            conf.type,
            conf.results,
            folder / f"input-{number}",
            store,
        )
        for number, conf in enumerate(confs, 1)
    )


def _read_suffix(key: str) -> str:
    suffix = PurePosixPath(key).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ""
