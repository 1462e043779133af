"""Take what a DAG reports."""

import hashlib
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workflow_manager.domain.dag_run import DagRun, DagRunState, read_callback_token
from workflow_manager.domain.data_lake import is_lake_key, result_prefix
from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    StoreUnavailableError,
)
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.result import (
    MAX_N_RESULTS,
    MAX_RESULTS_BYTES,
    Engine,
    Result,
    VersionText,
    can_keep,
    result_type_of,
)
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.explain_failure import explain_no_results
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.note_progress import note_progress
from workflow_manager.steps.runs.replace_reason import replace_reason


class Callback(BaseModel):
    """What a DAG sends: ScanHub's two fields, or ours beside them.

    Attributes
    ----------
    result_file
        One result, as upstream DAGs name it.
    success
        False: the run failed for `error`. Left out with `progress`: it goes on.
    progress
        0 to 100 [%].
    dag_version, engine
        What made the results; a DAG may tell once its conf has a ``conf_version``.
    """

    # A misspelt field must not turn a failure into a success.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "example": {
                "dag_id": "cartesian_reconstruction",
                "success": True,
                "results": [{"type": "DICOM", "key": "result/4mz3qk2yx7w5t6r2a3bc/image.dcm"}],
            }
        },
    )

    dag_id: str | None = Field(default=None, max_length=250)
    result_file: str | None = Field(default=None, min_length=1, max_length=1024)
    success: bool | None = None
    error: str | None = Field(default=None, max_length=1000)
    progress: int | None = Field(default=None, ge=0, le=100)
    results: tuple[Result, ...] = Field(default=(), max_length=MAX_N_RESULTS)
    dag_version: VersionText | None = None
    engine: Engine | None = None

    @model_validator(mode="after")
    def _check_meaning(self) -> Self:
        has_results = self.has_results
        if self.error is not None and self.success is not False:
            raise ValueError("an error goes with success: false")
        if self.success is False and has_results:
            raise ValueError("a failed run has no results")
        if self.success is None and not has_results and self.progress is None:
            raise ValueError("tell progress, results, or success")
        if self.success is None and has_results and self.progress is not None:
            raise ValueError("results go with success: true")
        if not can_keep(self.results):
            raise ValueError(f"all results together may have {MAX_RESULTS_BYTES} bytes of UTF-8")
        return self

    @property
    def has_results(self) -> bool:
        """Whether the DAG has left anything."""
        return bool(self.results) or self.result_file is not None

    @property
    def is_progress(self) -> bool:
        """Whether the run goes on."""
        return self.progress is not None and self.success is None

    @property
    def outcome_hash(self) -> str:
        """Tells a repeated callback from a different one."""
        # As the release before made it, whose runs may be told of again.
        told = self.model_dump_json(exclude={"dag_version", "engine"})
        return hashlib.sha256(told.encode()).hexdigest()

    @property
    def provenance(self) -> dict[str, object]:
        """What made the results, as fields of the run."""
        told = {"dag_version": self.dag_version, "engine": self.engine}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class CalledRun:
    """A run that a callback is about, as it was read just now.

    Parameters
    ----------
    execution
        Its workflow with its task alone; None: not read.
    """

    run: DagRun
    execution: Execution | None = None


def receive_results(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    token: str,
    callback: Callback,
    cause: Cause,
    task_id: str | None = None,
    known: CalledRun | None = None,
) -> DagRun:
    """Record a DAG's progress, results or failure; the same callback again changes nothing.

    Parameters
    ----------
    token
        The run's callback token ``{dag_run_id}.{secret}``.
    callback
        What the DAG sent.
    task_id
        The task that the path names, if it names one.
    known
        What `authenticate_callback` has returned just now; None calls it.

    Returns
    -------
    DagRun
        The run afterwards.

    Raises
    ------
    AuthenticationError
        The token is no run's, wrong or expired.
    InvalidInputError
        A result lies outside the run's own prefix, or the task is another run's.
    ConflictError
        The run ended before, in another way.
    StoreUnavailableError
        This version does not know the run's state: the DAG calls again.
    """
    called = known or authenticate_callback(store, token, cause)
    run = called.run
    if run.state is DagRunState.UNKNOWN:
        # The DAG calls again; at last the reconciler of a version that knows it finds its end.
        raise StoreUnavailableError(UNREADABLE)
    if task_id is not None and task_id != run.task_id:
        raise InvalidInputError("The callback's token belongs to the run of another task.")
    reason = find_failure_reason(run, callback)
    is_success = not callback.is_progress and reason is None
    if run.state.is_final and not (run.is_overdue and is_success):
        return _accept_repetition(store, queue, run, callback, cause)
    if callback.is_progress:
        seen = (run, called.execution)
        return note_progress(store, queue, run.dag_run_id, callback.progress or 0, cause, *seen)
    move = DagRunMove.SUCCEED if is_success else DagRunMove.FAIL
    finished = finish_dag_run(
        store,
        queue,
        settings,
        run,
        move,
        cause,
        results=collect_results(run, callback),
        reason=reason,
        outcome_hash=callback.outcome_hash,
        **callback.provenance,
    )
    # Somebody else finished it between our two reads: answer as to any repetition.
    run = finished or authenticate_callback(store, token, cause).run
    return finished or _accept_repetition(store, queue, run, callback, cause)


def authenticate_callback(store: WorkflowStore, token: str, cause: Cause) -> CalledRun:
    """Return the run that a callback token belongs to.

    Parameters
    ----------
    token
        ``{dag_run_id}.{secret}``

    Raises
    ------
    AuthenticationError
        The token is no run's, wrong or expired.
    """
    dag_run_id, place = read_callback_token(token)
    run = execution = None
    if dag_run_id and place:
        run, execution = store.get_run_and_execution(dag_run_id, *place)
    elif dag_run_id:
        run = store.get_dag_run(dag_run_id)
    if run is None or not run.is_called_back_with(token, cause.at):
        raise AuthenticationError("Invalid token.")
    return CalledRun(run, execution)


def _accept_repetition(
    store: WorkflowStore, queue: MessageQueue, run: DagRun, callback: Callback, cause: Cause
) -> DagRun:
    if callback.is_progress or run.outcome_hash == callback.outcome_hash:
        return run
    # Ended here without its word: cancelled, overdue, or found ended in Airflow.
    reason = find_failure_reason(run, callback)
    if run.outcome_hash is None and (reason is None) == (run.state is DagRunState.SUCCEEDED):
        if callback.error and run.state is DagRunState.FAILED and not run.is_overdue:
            # It says more than Airflow, where the failure was found before.
            ids = (run.dag_run_id, callback.error, callback.outcome_hash)
            return replace_reason(store, queue, *ids, cause) or run
        return run
    raise ConflictError(f"The run is {run.state} already, by another outcome.")


def find_failure_reason(run: DagRun, callback: Callback) -> str | None:
    """Return why a run has failed that a callback ends; None: it has succeeded."""
    if callback.success is False:
        return callback.error or "The DAG failed without a reason."
    return None if callback.has_results else explain_no_results(run)


def collect_results(run: DagRun, callback: Callback) -> tuple[Result, ...]:
    """Return the results that a callback tells.

    Raises
    ------
    InvalidInputError
        One lies outside the run's own prefix.
    """
    for result in callback.results:
        for key in (result.key, result.preview_key or result.key):
            _check_is_own(run, key)
    if callback.results or callback.result_file is None:
        return callback.results
    key = callback.result_file.removeprefix(f"s3://{run.bucket}/")
    # A path that is none of the data lake, as upstream's DAGs send it, is only shown.
    if key != callback.result_file or is_lake_key(key.lstrip("/")):
        _check_is_own(run, key)
    return (Result(type=result_type_of(key), key=key),)


def _check_is_own(run: DagRun, key: str) -> None:
    # The next task gets it as its input: it must not be another patient's.
    prefix = f"{result_prefix(run.dag_run_id)}/"
    if not key.startswith(prefix) or "/../" in key:
        raise InvalidInputError(f"A result's key must begin with {prefix}")
