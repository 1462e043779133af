"""Heal what was lost: starts, stops, callbacks, deadlines, reports to exam-manager."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    InvalidInputError,
    VersionConflictError,
)
from workflow_manager.domain.exam import ExamTask
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.observability import (
    MetricUnit,
    count_left_undone,
    metrics,
    traced,
)
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    ScanClient,
    WorkflowStore,
)
from workflow_manager.settings import Settings
from workflow_manager.steps.end_overdue import (
    MAX_N_IN_VAIN,
    Follow,
    end_overdue,
    has_overdue_end,
    is_overdue,
)
from workflow_manager.steps.find_foreign import find_foreign
from workflow_manager.steps.keep_going import keep_going
from workflow_manager.steps.runs.follow_dag_runs import Answers, follow_dag_run, try_to_ask_airflow
from workflow_manager.steps.runs.stop_dag_run import stop_dag_run
from workflow_manager.steps.scans.follow_device_task import follow_device_task
from workflow_manager.steps.scans.look_at_device import look_at_device
from workflow_manager.steps.scans.watch_ended_scan import watch_ended_scan
from workflow_manager.steps.tasks.mirror_task import mirror_task
from workflow_manager.steps.turn import Turn

# Longer than the function's own timeout, shorter than its schedule: a crashed turn frees itself.
LEASE_S = 55
# Of what is active: a page, which is a request or two to Airflow, and a page of a careful turn.
N_FOLLOWED = 100
N_FOLLOWED_CAREFULLY = 25
# Each part's share of the turn, 34 s in all with `END_SHARE`; what is left waits for the next one.
LIST_SHARE = timedelta(seconds=3)
STOP_SHARE = timedelta(seconds=4)
RESTART_SHARE = timedelta(seconds=7)
FOLLOW_SHARE = timedelta(seconds=7)
SCAN_SHARE = timedelta(seconds=3)
REPORT_SHARE = timedelta(seconds=3)
HEALTH_BUDGET = timedelta(seconds=35)

T = TypeVar("T")


@dataclass
class Active:
    """What is active, page by page, and what has been seen of it.

    Parameters
    ----------
    page
        The present page.
    seen
        The status that the turn leaves behind.
    scans
        Scans of all pages so far that are under way, or may be.
    """

    page: list[DagRun | Task]
    seen: SystemStatus
    scans: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turn_to(self.page)

    def turn_to(self, page: list[DagRun | Task]) -> None:
        """Make another page the present one."""
        self.page = page
        tasks = (item for item in page if isinstance(item, Task))
        self.scans += [task for task in tasks if task.is_scanning or task.watched_until]

    @property
    def runs(self) -> list[DagRun]:
        """Runs of the page that nobody else looks at."""
        return [item for item in self.page if isinstance(item, DagRun) and not item.state.is_final]


def reconcile_runs(
    store: WorkflowStore,
    lake: DataLake,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    scan: ScanClient,
    clock: Clock,
    settings: Settings,
    cause: Cause,
) -> int:
    """Take one turn, unless another one is under way.

    What is due comes first: ends, then stops, then starts. Then as much as there is time for of all
    that is active is compared with Airflow and exam-manager, a scan that does not go on also with
    device-manager, and the next turn goes on behind it. Exam-manager, which may be down, is told
    last. Each item is put off before it is touched.

    Returns
    -------
    int
        Number of runs and tasks that were due.
    """
    status = store.get_system_status()
    if status.is_leased(cause.at):
        return 0
    turn = Turn(clock, cause, status.n_stumbles)
    page, cursor = _list_active(store, status.cursor, turn)
    # What kills a careful turn is not read again by the next one.
    leased = status.evolve(cursor=cursor) if turn.is_careful else status
    try:
        store.commit([leased.lease(LEASE_S, cause)])
    except VersionConflictError:
        return 0
    active, is_through = Active(page, leased), False
    try:
        due = turn.take(store.list_due(cause.at), turn.until(LIST_SHARE))
        active.seen = status.see_waiting(_list_waiting([*due, *page]), cursor)
        _tell_waiting(active.seen, cause)
        follow = partial(follow_dag_run, store, lake, queue, orchestrator, clock, settings)
        parts: list[Callable[[], int]] = [
            lambda: end_overdue(store, queue, orchestrator, exam, settings, follow, turn, due),
            lambda: _stop(store, orchestrator, turn, due),
            lambda: _restart(store, queue, turn, due),
            lambda: _follow_runs(store, orchestrator, follow, turn, active),
            lambda: _follow_scans(store, queue, exam, scan, settings, turn, active),
            lambda: _tell_exam_manager(store, exam, turn, due),
        ]
        n_done = sum(part() for part in turn.order(parts))
        is_through = not turn.has_stumbled
        return n_done
    finally:
        n_stumbles = 0 if is_through else status.n_stumbles + 1
        _note_status(store, orchestrator, exam, turn, active.seen.evolve(n_stumbles=n_stumbles))


def _list_active(
    store: WorkflowStore, cursor: str | None, turn: Turn
) -> tuple[list[DagRun | Task], str | None]:
    limit = N_FOLLOWED_CAREFULLY if turn.is_careful else N_FOLLOWED
    try:
        return store.list_active(cursor, limit)
    except (InvalidInputError, ValueError, TypeError):
        # A place that another version has left.
        return store.list_active(None, limit)


def _list_waiting(items: Sequence[DagRun | Task]) -> list[datetime]:
    """Return when runs were made that Airflow has not taken; those played here need none."""
    runs = [item for item in items if isinstance(item, DagRun) and not item.is_simulated]
    return [run.created_at for run in runs if run.state is DagRunState.PENDING]


def _tell_waiting(seen: SystemStatus, cause: Cause) -> None:
    metrics.add_metric("RunsWaiting", MetricUnit.Seconds, seen.waiting_s(cause.at))
    count_left_undone(0)
    # Now: a neighbour that hangs may cost the turn its life.
    metrics.flush_metrics()


def _rotate(runs: list[T], turn: Turn) -> list[T]:
    # Where turns end early, each begins with somebody else; careful ones begin where the first of
    # them did, at one end or the other.
    minute = int(turn.cause.at.timestamp() // 60) - turn.n_stumbles
    start = minute % len(runs) if runs else 0
    return turn.order(runs[start:] + runs[:start])


def _stop(
    store: WorkflowStore, orchestrator: Orchestrator, turn: Turn, due: Iterable[DagRun | Task]
) -> int:
    def stop(run: DagRun) -> None:
        with traced(run.trace), keep_going("not reconciled"):
            store.commit([run.put_off(turn.cause.at)])
            stop_dag_run(store, orchestrator, run.dag_run_id, turn.cause)

    ended = (item for item in due if isinstance(item, DagRun) and item.state.is_final)
    return turn.serve(turn.order_due(ended), stop, turn.until(STOP_SHARE))


def _restart(
    store: WorkflowStore, queue: MessageQueue, turn: Turn, due: Iterable[DagRun | Task]
) -> int:
    def restart(run: DagRun) -> None:
        with traced(run.trace), keep_going("not reconciled"):
            store.commit([run.with_later_retry(turn.cause.at)])
            queue.send_start(run.dag_run_id)

    pending = (
        item for item in due if isinstance(item, DagRun) and item.state is DagRunState.PENDING
    )
    waiting = (run for run in pending if not is_overdue(run, turn.cause))
    return turn.serve(turn.order_due(waiting), restart, turn.until(RESTART_SHARE))


def _follow_runs(
    store: WorkflowStore, orchestrator: Orchestrator, follow: Follow, turn: Turn, active: Active
) -> int:
    """Follow what is not overdue, page by page, until the round or the share is over."""
    until = turn.until(FOLLOW_SHARE)
    while True:
        _follow_page(orchestrator, follow, turn, active, until)
        if active.seen.cursor is None or turn.is_careful or turn.is_over(until):
            return 0
        page, cursor = store.list_active(active.seen.cursor, N_FOLLOWED)
        if turn.is_over(until):
            return 0
        active.turn_to(page)
        active.seen = active.seen.see_waiting(_list_waiting(active.page), cursor)


def _follow_page(
    orchestrator: Orchestrator, follow: Follow, turn: Turn, active: Active, until: datetime
) -> None:
    runs = [run for run in active.runs if not is_overdue(run, turn.cause)]
    n_in_vain = 0
    for group in turn.group(_rotate(runs, turn)):
        if turn.is_over(until) or n_in_vain == MAX_N_IN_VAIN:
            return
        if (answers := try_to_ask_airflow(orchestrator, turn, group, until)) is None:
            n_in_vain += 1
            continue

        def follow_one(run: DagRun, answers: Answers = answers) -> None:
            with traced(run.trace), keep_going("run not followed"):
                follow(run, answers, turn.cause)

        turn.serve(group, follow_one, until)


def _follow_scans(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    scan: ScanClient,
    settings: Settings,
    turn: Turn,
    active: Active,
) -> int:
    until, n_in_vain = turn.until(SCAN_SHARE), 0

    def follow(task: Task) -> None:
        with keep_going("scan not followed"):
            if not task.is_scanning:
                watch_ended_scan(store, queue, exam, task, turn.cause)
            elif reported := follow_device_task(store, queue, exam, settings, task, turn.cause):
                look(task, reported)

    def look(task: Task, reported: ExamTask) -> None:
        nonlocal n_in_vain
        # A device-manager that is away costs a turn a few tries; next time others come first.
        if n_in_vain == MAX_N_IN_VAIN:
            return
        n_in_vain += 1
        with keep_going("device not looked at"):
            look_at_device(store, queue, exam, scan, task, reported, turn.cause)
            n_in_vain = 0

    scans = [task for task in active.scans if not has_overdue_end(task, turn.cause)]
    for task in _rotate(scans, turn):
        if not turn.serve([task], follow, until):
            break
    return 0


def _tell_exam_manager(
    store: WorkflowStore, exam: ExamClient, turn: Turn, due: Iterable[DagRun | Task]
) -> int:
    """Tell what `follow_changes` has not; return how much was due."""
    at, until = turn.cause.at, turn.until(REPORT_SHARE)
    scans = (item for item in due if isinstance(item, Task))
    reports = (task for task in scans if task.report_due_at and task.report_due_at <= at)
    listed = turn.take(chain(reports, store.list_due_mirrors(at)), until)
    n_in_vain = 0

    def tell(task: Task) -> None:
        nonlocal n_in_vain
        n_in_vain += 1
        with keep_going("exam-manager not told"):
            # Others see that a report is under way, too.
            store.commit([task.put_off_report(at, has_failed=False)])
            ids = (task.workflow_id, task.task_id)
            mirror_task(store, exam, *ids, turn.cause, is_last=True)
            n_in_vain = 0

    for n_told, task in enumerate(turn.order_due(listed)):
        # An exam-manager that is away costs a turn a few tries; the others come first next time.
        if n_in_vain == MAX_N_IN_VAIN or not turn.serve([task], tell, until):
            return n_told
    return len(listed)


def _note_status(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    turn: Turn,
    seen: SystemStatus,
) -> None:
    degraded = seen.degraded
    if not turn.is_over(turn.cause.at + HEALTH_BUDGET):
        degraded = ("airflow",)
        with keep_going("Airflow is not healthy"):
            orchestrator.check_health()
            degraded = ()
    # Before the table, which may be what does not answer.
    metrics.add_metric("AirflowUnhealthy", MetricUnit.Count, int("airflow" in degraded))
    if not turn.is_over(turn.cause.at + HEALTH_BUDGET):
        degraded += find_foreign(exam)
    noted = store.get_system_status().evolve(
        checked_at=turn.cause.at,
        degraded=degraded,
        cursor=seen.cursor,
        waiting_since=seen.waiting_since,
        round_waiting_since=seen.round_waiting_since,
        lease_until=None,
        n_stumbles=seen.n_stumbles,
    )
    store.commit([noted])
