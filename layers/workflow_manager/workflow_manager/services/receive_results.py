"""Take what a DAG reports."""

import hashlib
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import is_lake_key, result_prefix
from workflow_manager.domain.entity import UNREADABLE, Cause
from workflow_manager.domain.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    StoreUnavailableError,
)
from workflow_manager.domain.result import MAX_RESULTS_BYTES, Result, result_type_of
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.note_progress import note_progress


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
    results: tuple[Result, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _check_meaning(self) -> Self:
        has_results = bool(self.results) or self.result_file is not None
        if self.error is not None and self.success is not False:
            raise ValueError("an error goes with success: false")
        if self.success is False and has_results:
            raise ValueError("a failed run has no results")
        if self.success is None and not has_results and self.progress is None:
            raise ValueError("tell progress, results, or success")
        if self.success is None and has_results and self.progress is not None:
            raise ValueError("results go with success: true")
        if sum(len(each.model_dump_json().encode()) for each in self.results) > MAX_RESULTS_BYTES:
            raise ValueError(f"all results together may have {MAX_RESULTS_BYTES} bytes of UTF-8")
        return self

    @property
    def is_progress(self) -> bool:
        """Whether the run goes on."""
        return self.progress is not None and self.success is None

    @property
    def outcome_hash(self) -> str:
        """Tells a repeated callback from a different one."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def receive_results(
    store: WorkflowStore,
    queue: MessageQueue,
    settings: Settings,
    token: str,
    callback: Callback,
    cause: Cause,
    task_id: str | None = None,
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
    run = authenticate_callback(store, token, cause)
    if run.state is DagRunState.UNKNOWN:
        # The DAG calls again; at last the reconciler of a version that knows it finds its end.
        raise StoreUnavailableError(UNREADABLE)
    if task_id is not None and task_id != run.task_id:
        raise InvalidInputError("The callback's token belongs to the run of another task.")
    is_success = not callback.is_progress and callback.success is not False
    if run.state.is_final and not (run.is_overdue and is_success):
        return _accept_repetition(run, callback)
    if callback.is_progress:
        return note_progress(store, queue, run.dag_run_id, callback.progress or 0, cause)
    move = DagRunMove.SUCCEED if is_success else DagRunMove.FAIL
    finished = finish_dag_run(
        store,
        queue,
        settings,
        run.dag_run_id,
        move,
        cause,
        results=_collect_results(run, callback),
        reason=_failure_reason(callback),
        outcome_hash=callback.outcome_hash,
    )
    # Somebody else finished it between our two reads: answer as to any repetition.
    return finished or _accept_repetition(authenticate_callback(store, token, cause), callback)


def authenticate_callback(store: WorkflowStore, token: str, cause: Cause) -> DagRun:
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
    dag_run_id, _, _ = token.partition(".")
    run = store.get_dag_run(dag_run_id) if dag_run_id else None
    if run is None or not run.is_called_back_with(token, cause.at):
        raise AuthenticationError("Invalid token.")
    return run


def _accept_repetition(run: DagRun, callback: Callback) -> DagRun:
    if callback.is_progress or run.outcome_hash == callback.outcome_hash:
        return run
    # Ended here without its word: cancelled, overdue, or found ended in Airflow.
    is_success = callback.success is not False
    if run.outcome_hash is None and is_success == (run.state is DagRunState.SUCCEEDED):
        return run
    raise ConflictError(f"The run is {run.state} already, by another outcome.")


def _failure_reason(callback: Callback) -> str | None:
    if callback.success is False:
        return callback.error or "The DAG failed without a reason."
    return None


def _collect_results(run: DagRun, callback: Callback) -> tuple[Result, ...]:
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
