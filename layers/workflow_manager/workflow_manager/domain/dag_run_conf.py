"""What a DAG is started with: the conf of its run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflow_manager.domain.dag_run import DagRun, InputTask
from workflow_manager.domain.data_lake import ObjectVersion, result_prefix

# Grows with a change that a DAG of before would read wrongly; new keys do not count.
CONF_VERSION = 1
# The reconstruction that ships reads these two by their own names.
_CHOICES = ("orientation_convention", "coil_combination")


@dataclass(frozen=True)
class RunInput:
    """What one input task of a run has left, or the object that the run was made for.

    Parameters
    ----------
    task
        None: the run was made for an object.
    data
        The first file; None if it has left none.
    producer
        The run that has left the data, with all its results; None: a scan, or not known any more.
    """

    task: InputTask | None
    data: ObjectVersion | None
    producer: DagRun | None = None

    def describe(self) -> dict[str, Any]:
        """Return it as the conf has it: the first file by itself, and all files as ``results``."""
        results = list(self._list_results())
        none = dict.fromkeys(("bucket", "key", "version_id"))
        first = {name: results[0][name] for name in none} if results else none
        ids = {
            "task_id": self.task.task_id if self.task else None,
            "dag_run_id": self.task.dag_run_id if self.task else None,
            "type": self.task.type if self.task else None,
        }
        return {**ids, **first, "results": results}

    def _list_results(self) -> Iterator[dict[str, Any]]:
        if self.data is None:
            return
        reported = self.producer.results if self.producer else ()
        # What the run that we know has left is of another attempt, if it begins otherwise.
        if not reported or reported[0].key != self.data.key:
            yield {**self.data.model_dump(exclude={"size_bytes"}), "type": None}
            return
        for each in reported:
            file = {"bucket": self.data.bucket, "key": each.key, "version_id": None}
            yield {**file, "type": each.type.value}


def list_run_inputs(run: DagRun, producers: Mapping[str, DagRun]) -> list[RunInput]:
    """Return the inputs of a run, one for each input task in its place.

    Parameters
    ----------
    producers
        Runs that have left the data, by their ids.
    """
    if not run.input_tasks:
        return [RunInput(None, data) for data in run.inputs]
    files = iter(run.inputs)
    return [
        RunInput(
            task,
            next(files, None) if task.has_data else None,
            producers.get(task.dag_run_id or ""),
        )
        for task in run.input_tasks
    ]


def dag_run_conf(
    run: DagRun, inputs: Sequence[Mapping[str, Any]], endpoint: str, callback_token: str
) -> dict[str, Any]:
    """Return the conf a DAG is started with: ScanHub's four keys, then ours.

    Parameters
    ----------
    run
        The run to start.
    inputs
        As `RunInput.describe` returns them.
    endpoint
        Full URL of ``/results_ready/``.
    callback_token
        Stands where ScanHub put the user's token, which goes nowhere.
    """
    key = run.data.key if run.data else ""
    directory, _, file_name = key.rpartition("/")
    return {
        "directory": f"/{directory}",
        "file_name": file_name,
        "workflow_manager_endpoint": endpoint,
        "user_token": callback_token,
        "conf_version": CONF_VERSION,
        "bucket": run.bucket,
        "key": key or None,
        "version_id": run.data.version_id if run.data else None,
        "dag_run_id": run.dag_run_id,
        "task_id": run.task_id,
        "inputs": list(inputs),
        "parameters": run.parameters,
        **{name: run.parameters.get(name) for name in _CHOICES},
        "output_prefix": result_prefix(run.dag_run_id),
        "study_instance_uid": run.study_instance_uid,
        "study_date": f"{run.study_at:%Y%m%d}" if run.study_at else None,
        "study_time": f"{run.study_at:%H%M%S}" if run.study_at else None,
        "patient_pseudonym": run.patient_pseudonym,
        "series_number": run.series_number,
        "traceparent": run.traceparent,
    }
