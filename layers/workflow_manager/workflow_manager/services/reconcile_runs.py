"""Heal what was lost: starts, stops, callbacks, deadlines, reports to exam-manager."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.transitions import DagRunMove
from workflow_manager.observability import MetricUnit, count_left_undone, metrics, traced
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.keep_going import keep_going
from workflow_manager.steps.runs.finish_dag_run import finish_dag_run
from workflow_manager.steps.runs.follow_dag_runs import Answers, ask_airflow, follow_dag_run
from workflow_manager.steps.runs.stop_dag_run import stop_dag_run
from workflow_manager.steps.scans.end_overdue_task import end_overdue_task
from workflow_manager.steps.scans.follow_device_task import follow_device_task
from workflow_manager.steps.tasks.mirror_task import mirror_task

# Lets a run follow what Airflow says of it.
Follow = Callable[[DagRun, Answers, Cause], None]
# Longer than the function's own timeout, shorter than its schedule: a crashed turn frees itself.
LEASE_S = 55
BATCH_SIZE = 50
MAX_N_IN_VAIN = 3
# All active runs of one turn: a few requests to Airflow, which answers a hundred at once.
N_FOLLOWED = 100
# Until when each part of a turn may take on the next item; what is left waits for the next turn.
# The function has 50 s: 14 s each for the last request and the look at Airflow's health remain.
ASK_BUDGET = timedelta(seconds=3)
DUE_BUDGET = timedelta(seconds=12)
FOLLOW_BUDGET = timedelta(seconds=16)
SCAN_BUDGET = timedelta(seconds=18)
TIME_BUDGET = timedelta(seconds=20)
HEALTH_BUDGET = timedelta(seconds=35)
# An Airflow that hangs must not keep what is due from its turn.
LEAST_DUE_TIME = timedelta(seconds=3)
# What has ended in Airflow ends by that, and by its deadline only if that fails for so long.
ENDED_GRACE = timedelta(hours=1)


def reconcile_runs(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    cause: Cause,
) -> int:
    """Take one turn, unless another one is under way.

    What is due comes first, and what is over in Airflow is not ended by its deadline. Then a
    bounded part of all that is active is compared with Airflow and exam-manager, and the next turn
    goes on behind it. Exam-manager, which may be down, is told last.

    Returns
    -------
    int
        Number of runs and tasks that were due.
    """
    status = store.get_system_status()
    if status.is_leased(cause.at):
        return 0
    try:
        store.commit([status.lease(LEASE_S, cause)])
    except VersionConflictError:
        return 0
    seen = status.evolve(cursor=None)
    try:
        due = store.list_due(cause.at, BATCH_SIZE)
        active, cursor = store.list_active(status.cursor, N_FOLLOWED)
        seen = status.see_waiting(_list_waiting([*due, *active]), cursor)
        _tell_waiting(seen, cause)
        follow = partial(follow_dag_run, store, lake, queue, orchestrator, clock, settings)
        n_done = _reconcile_due(
            store, queue, orchestrator, exam, clock, settings, follow, due, cause
        )
        active = _rotate(active, cause)
        _follow_runs(orchestrator, clock, follow, active, cause)
        _follow_scans(store, queue, exam, clock, settings, active, cause)
        return n_done + _tell_exam_manager(store, exam, clock, cause)
    finally:
        _note_status(store, orchestrator, clock, seen, cause)


def _list_waiting(items: Sequence[DagRun | Task]) -> list[datetime]:
    """Return when runs were made that Airflow has not taken; those played here need none."""
    runs = [item for item in items if isinstance(item, DagRun) and not item.is_simulated]
    return [run.created_at for run in runs if run.state is DagRunState.PENDING]


def _tell_waiting(seen: SystemStatus, cause: Cause) -> None:
    metrics.add_metric("RunsWaiting", MetricUnit.Seconds, seen.waiting_s(cause.at))
    count_left_undone(0)
    # Now: a neighbour that hangs may cost the turn its life.
    metrics.flush_metrics()


def _is_late(clock: Clock, cause: Cause, budget: timedelta) -> bool:
    return clock() - cause.at > budget


def _rotate(items: list[DagRun | Task], cause: Cause) -> list[DagRun | Task]:
    # Where turns end early, each begins with somebody else.
    start = int(cause.at.timestamp() // 60) % len(items) if items else 0
    return items[start:] + items[:start]


def _reconcile_due(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    follow: Follow,
    due: Sequence[DagRun | Task],
    cause: Cause,
) -> int:
    overdue = [item for item in due if isinstance(item, DagRun) and _is_overdue(item, cause)]
    answers = Answers()
    with keep_going("overdue runs not looked for in Airflow"):
        answers = ask_airflow(orchestrator, overdue, partial(_is_late, clock, cause, ASK_BUDGET))
    until = max(cause.at + DUE_BUDGET, clock() + LEAST_DUE_TIME)
    for n_done, item in enumerate(due):
        if clock() > until:
            return n_done
        if isinstance(item, DagRun) and _is_overdue(item, cause):
            with traced(item.trace), keep_going("run not followed"):
                follow(item, answers, cause)
        trace = item.trace if isinstance(item, DagRun) else None
        with traced(trace), keep_going("not reconciled"):
            if isinstance(item, DagRun):
                _reconcile_run(
                    store, queue, orchestrator, settings, item.dag_run_id, answers, cause
                )
            else:
                _reconcile_task(store, queue, exam, clock, settings, item, cause)
    return len(due)


def _is_overdue(run: DagRun, cause: Cause) -> bool:
    return not run.state.is_final and run.deadline <= cause.at


def _reconcile_run(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    settings: Settings,
    dag_run_id: str,
    answers: Answers,
    cause: Cause,
) -> None:
    # Read again: it may have been seen running, or ended, since the list was made.
    run = store.get_dag_run(dag_run_id)
    if run is None or run.due_at is None or run.due_at > cause.at:
        return
    if run.state.is_final:
        stop_dag_run(store, orchestrator, run.dag_run_id, cause)
    elif run.deadline > cause.at:
        store.commit([run.with_later_retry(cause.at)])
        queue.send_start(run.dag_run_id)
    elif not answers.has_ended(run) or run.deadline + ENDED_GRACE <= cause.at:
        reason = (
            f"Airflow did not start the run before the deadline. {run.reason or ''}".strip()
            if run.state is DagRunState.PENDING
            else "The run did not end before its deadline, so it was stopped."
        )
        outcome = {"reason": reason, "is_overdue": True}
        if finish_dag_run(
            store, queue, settings, run.dag_run_id, DagRunMove.FAIL, cause, **outcome
        ):
            metrics.add_metric("RunsPastDeadline", MetricUnit.Count, 1)


def _reconcile_task(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    task: Task,
    cause: Cause,
) -> None:
    if task.report_due_at is not None and task.report_due_at <= cause.at:
        with keep_going("exam-manager not told"):
            _tell(store, exam, clock, task, cause)
    if task.end_due_at is not None and task.end_due_at <= cause.at:
        end_overdue_task(store, queue, exam, settings, task.workflow_id, task.task_id, cause)


def _follow_runs(
    orchestrator: Orchestrator,
    clock: Clock,
    follow: Follow,
    items: Sequence[DagRun | Task],
    cause: Cause,
) -> None:
    """Follow what is not overdue."""
    runs = [item for item in items if isinstance(item, DagRun) and not item.state.is_final]
    active = [run for run in runs if not _is_overdue(run, cause)]
    if not active or _is_late(clock, cause, FOLLOW_BUDGET):
        return
    with keep_going("runs not followed"):
        answers = ask_airflow(orchestrator, active, partial(_is_late, clock, cause, FOLLOW_BUDGET))
        for run in active:
            if _is_late(clock, cause, FOLLOW_BUDGET):
                break
            with traced(run.trace), keep_going("run not followed"):
                follow(run, answers, cause)


def _follow_scans(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    clock: Clock,
    settings: Settings,
    items: Sequence[DagRun | Task],
    cause: Cause,
) -> None:
    for item in items:
        if isinstance(item, DagRun) or item.status is not TaskStatus.IN_PROGRESS:
            continue
        if not item.task_type.is_device_task:
            continue
        if _is_late(clock, cause, SCAN_BUDGET):
            return
        with keep_going("scan not followed"):
            follow_device_task(store, queue, exam, settings, item, cause)


def _tell_exam_manager(store: WorkflowStore, exam: ExamClient, clock: Clock, cause: Cause) -> int:
    """Tell what `follow_changes` has not; return how much was due."""
    due = store.list_due_mirrors(cause.at, BATCH_SIZE)
    n_in_vain = 0
    for n_told, task in enumerate(due):
        # An exam-manager that is away costs a turn a few tries; the others come first next time.
        if n_in_vain == MAX_N_IN_VAIN or _is_late(clock, cause, TIME_BUDGET):
            return n_told
        n_in_vain += 1
        with keep_going("exam-manager not told"):
            _tell(store, exam, clock, task, cause)
            n_in_vain = 0
    return len(due)


def _tell(store: WorkflowStore, exam: ExamClient, clock: Clock, task: Task, cause: Cause) -> None:
    # Put off before it is touched: others see that a report is under way, and one that kills the
    # turn is not the first of the next one again.
    store.commit([task.put_off_report(cause.at, has_failed=False)])
    mirror_task(store, exam, clock, task.workflow_id, task.task_id, cause, is_last=True)


def _note_status(
    store: WorkflowStore, orchestrator: Orchestrator, clock: Clock, seen: SystemStatus, cause: Cause
) -> None:
    degraded = seen.degraded
    if not _is_late(clock, cause, HEALTH_BUDGET):
        degraded = ("airflow",)
        with keep_going("Airflow is not healthy"):
            orchestrator.check_health()
            degraded = ()
    # Before the table, which may be what does not answer.
    metrics.add_metric("AirflowUnhealthy", MetricUnit.Count, int("airflow" in degraded))
    leased = store.get_system_status()
    noted = leased.evolve(
        checked_at=cause.at,
        degraded=degraded,
        cursor=seen.cursor,
        waiting_since=seen.waiting_since,
        round_waiting_since=seen.round_waiting_since,
        lease_until=None,
    )
    store.commit([noted])
