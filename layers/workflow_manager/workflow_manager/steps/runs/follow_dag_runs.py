"""Bring active runs up to date with Airflow, whose callbacks and answers can be lost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.data_lake import ObjectVersion, result_prefix
from workflow_manager.domain.download import picture_type_of
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    MissingPermissionError,
    ScanHubError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.orchestrator_run import (
    OrchestratorRun,
    OrchestratorRunState,
    RunKey,
    TaskInstance,
)
from workflow_manager.domain.result import MAX_N_RESULTS, Result, can_keep, result_type_of
from workflow_manager.domain.task import Task
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.observability import MetricUnit, count_left_undone, logger, metrics
from workflow_manager.ports import (
    Clock,
    DataLake,
    MessageQueue,
    Orchestrator,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.keep_going import keep_going
from workflow_manager.steps.runs.explain_failure import (
    explain_failure,
    explain_no_results,
    list_failed,
)
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.measure_callback_lag import measure_callback_lag
from workflow_manager.steps.runs.note_progress import note_progress
from workflow_manager.steps.runs.start_dag_run import mark_started
from workflow_manager.steps.turn import Turn

# Airflow may not list a run yet that was just started.
LISTING_WAIT = timedelta(minutes=2)
# Of the runs that one question found failed: each takes a request, and none needs it.
MAX_N_EXPLAINED = 10
# To find the one run among a hundred that spoils the answer for all takes eight; then it is away.
MAX_N_ASKED_IN_VAIN = 20
GONE = "Airflow does not know the run any more."


T = TypeVar("T")


@dataclass(frozen=True)
class Answers:
    """What Airflow says of the runs that it was `asked` for, by their ids.

    Parameters
    ----------
    instances
        The tasks of the runs; empty if Airflow did not tell.
    exception_types
        Types of the exceptions that runs have failed with, as far as Airflow tells.
    """

    asked: frozenset[str] = frozenset()
    found: Mapping[str, OrchestratorRun] = field(default_factory=dict)
    instances: Mapping[str, list[TaskInstance]] = field(default_factory=dict)
    exception_types: Mapping[str, str] = field(default_factory=dict)

    def has_ended(self, run: DagRun) -> bool:
        """Tell whether Airflow lists a run as ended."""
        known = self.found.get(run.dag_run_id)
        return known is not None and known.state.is_final


def ask_airflow(
    orchestrator: Orchestrator, runs: Sequence[DagRun], is_late: Callable[[], bool] = lambda: False
) -> Answers:
    """Ask Airflow for all runs at once, and for their tasks too unless it `is_late`."""
    asked = [run for run in runs if run.n_start_attempts > 0 and not run.is_simulated]
    if not asked:
        return Answers()
    keys = [RunKey.model_validate(run, from_attributes=True) for run in asked]
    answered, runs_found = _ask_around(orchestrator.list_dag_runs, keys)
    found = {each.dag_run_id: each for each in runs_found}
    instances: dict[str, list[TaskInstance]] = {}
    # Their tasks only say how far a run is and where it failed, so we can do without.
    with keep_going("tasks of runs not listed"):
        if not is_late():
            for instance in _ask_around(orchestrator.list_task_instances, answered)[1]:
                instances.setdefault(instance.dag_run_id, []).append(instance)
    types = _ask_why(orchestrator, found, instances, is_late)
    return Answers(frozenset(key.dag_run_id for key in answered), found, instances, types)


def _ask_why(
    orchestrator: Orchestrator,
    found: Mapping[str, OrchestratorRun],
    instances: Mapping[str, list[TaskInstance]],
    is_late: Callable[[], bool],
) -> dict[str, str]:
    """Return the types of the exceptions that runs have failed with, by their ids."""
    failed = [run for run in found.values() if run.state is OrchestratorRunState.FAILED]
    types: dict[str, str] = {}
    for run in failed[:MAX_N_EXPLAINED]:
        tasks = list_failed(instances.get(run.dag_run_id, []))
        if is_late() or not tasks:
            continue
        try:
            name = orchestrator.find_exception_type(run.dag_id, tasks[0])
        except ScanHubError as error:
            # The run fails all the same, and a log that is gone is nobody's task.
            logger.warning("log of a task not read", extra={"reason": error.detail})
            break
        types |= {run.dag_run_id: name} if name else {}
    return types


def _ask_around(
    ask: Callable[[Sequence[RunKey]], list[T]], keys: Sequence[RunKey]
) -> tuple[list[RunKey], list[T]]:
    """Ask for as many as Airflow can answer for; one that it cannot is left out and counted."""
    answered: list[RunKey] = []
    found: list[T] = []
    groups, n_in_vain = [list(keys)], 0
    while groups:
        group = groups.pop()
        try:
            found += ask(group)
        except (UpstreamUnreachableError, UpstreamTimeoutError, MissingPermissionError):
            raise
        except ScanHubError as error:
            n_in_vain += 1
            if len(keys) == 1 or n_in_vain == MAX_N_ASKED_IN_VAIN:
                raise
            half = len(group) // 2
            groups += [group[half:], group[:half]] if half else []
            if not half:
                extra = {"dag_run_id": group[0].dag_run_id, "reason": error.detail}
                logger.warning("run not looked for in Airflow", extra=extra)
                count_left_undone()
        else:
            answered += group
    return answered, found


def try_to_ask_airflow(
    orchestrator: Orchestrator, turn: Turn, items: Iterable[DagRun | Task], until: datetime
) -> Answers | None:
    """Do as `ask_airflow` does, of the runs among items; None if Airflow does not answer."""
    runs = [item for item in items if isinstance(item, DagRun)]
    answers: Answers | None = None
    with turn.watch(), keep_going("runs not looked for in Airflow"):
        answers = ask_airflow(orchestrator, runs, partial(turn.is_over, until))
    return answers


def follow_dag_run(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    clock: Clock,
    settings: Settings,
    run: DagRun,
    answers: Answers,
    cause: Cause,
) -> None:
    """Update a run that is not final by Airflow's answers; a run not asked for is left alone."""
    if run.dag_run_id not in answers.asked:
        return
    if (known := answers.found.get(run.dag_run_id)) is None:
        _follow_missing(store, queue, orchestrator, settings, run, cause)
        return
    instances = answers.instances.get(run.dag_run_id, [])
    if known.state is OrchestratorRunState.SUCCESS:
        _follow_success(store, lake, queue, clock, settings, run, known, cause)
        return
    if known.state is OrchestratorRunState.FAILED:
        exception_type = answers.exception_types.get(run.dag_run_id)
        reason = explain_failure(instances, exception_type)
        _end(store, queue, clock, settings, run, known, cause, reason)
        return
    if run.state is DagRunState.PENDING:
        mark_started(store, queue, run.dag_run_id, cause, known.dag_version)
    if (progress := _progress(instances)) > run.progress:
        note_progress(store, queue, run.dag_run_id, progress, cause)


def _follow_missing(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    settings: Settings,
    run: DagRun,
    cause: Cause,
) -> None:
    # A pending run needs no update: it is queued again and started.
    if run.started_at is None or cause.at < run.started_at + LISTING_WAIT:
        return
    if not orchestrator.has_dag_run(run.dag_id, run.dag_run_id):
        finish_dag_run(store, queue, settings, run.dag_run_id, DagRunMove.FAIL, cause, reason=GONE)


def _follow_success(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    clock: Clock,
    settings: Settings,
    run: DagRun,
    known: OrchestratorRun,
    cause: Cause,
) -> None:
    # The callback says more than Airflow's state, so wait for one that may be under way. A failure
    # is told at once: a DAG's own sentence still takes the place of ours.
    wait = timedelta(seconds=settings.callback_wait_s)
    if known.ended_at is None or cause.at < known.ended_at + wait:
        return
    objects = lake.list_objects(f"{result_prefix(run.dag_run_id)}/", MAX_N_RESULTS)
    results = _make_results(objects)
    reason = None if results else explain_no_results(run)
    if len(objects) == MAX_N_RESULTS or not can_keep(results):
        # There may be more: half a series must not be taken for a whole one.
        results, reason = (), "The DAG left more files than can be told of without its callback."
    _end(store, queue, clock, settings, run, known, cause, reason, results)


def _end(
    store: WorkflowStore,
    queue: MessageQueue,
    clock: Clock,
    settings: Settings,
    run: DagRun,
    known: OrchestratorRun,
    cause: Cause,
    reason: str | None,
    results: tuple[Result, ...] = (),
) -> None:
    """End a run as it has ended in Airflow; with a reason, it has failed."""
    logger.warning("callback lost", extra={"dag_run_id": run.dag_run_id, "state": known.state})
    metrics.add_metric("CallbacksLost", MetricUnit.Count, 1)
    move = DagRunMove.SUCCEED if reason is None else DagRunMove.FAIL
    outcome: dict[str, object] = {"results": results, "reason": reason}
    if run.dag_version is None:
        outcome["dag_version"] = known.dag_version
    ended = finish_dag_run(store, queue, settings, run.dag_run_id, move, cause, **outcome)
    measure_callback_lag(clock, ended, known.ended_at, cause)


def _progress(instances: list[TaskInstance]) -> int:
    # Only the callback reports 100, at the end.
    n_done = sum(instance.is_done for instance in instances)
    return min(99, 100 * n_done // len(instances)) if instances else 0


def _make_results(objects: Sequence[ObjectVersion]) -> tuple[Result, ...]:
    """Return the results of a run whose callback was lost, by what lies under its own prefix."""
    pictures = [each for each in objects if picture_type_of(each.key)]
    files = [each for each in objects if each not in pictures]
    preview_key = pictures[0].key if pictures else None
    return tuple(
        Result(type=result_type_of(each.key), key=each.key, preview_key=None if n else preview_key)
        for n, each in enumerate(files)
    )
