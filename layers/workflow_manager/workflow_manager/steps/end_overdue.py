"""End what is past its deadline: runs and scans."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task
from workflow_manager.observability import traced
from workflow_manager.ports import ExamClient, MessageQueue, Orchestrator, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.keep_going import keep_going
from workflow_manager.steps.runs.end_overdue_run import end_overdue_run
from workflow_manager.steps.runs.follow_dag_runs import Answers, try_to_ask_airflow
from workflow_manager.steps.scans.end_overdue_task import end_overdue_task
from workflow_manager.steps.turn import Turn

# After so many refusals, exam-manager or Airflow is taken to be away until the next turn.
MAX_N_IN_VAIN = 3
END_SHARE = timedelta(seconds=7)
# An Airflow that hangs must not keep what is due from its turn.
LEAST_DUE_TIME = timedelta(seconds=3)

Follow = Callable[[DagRun, Answers, Cause], None]


def is_overdue(run: DagRun, cause: Cause) -> bool:
    """Tell whether a run that goes on is past its deadline."""
    return not run.state.is_final and run.deadline <= cause.at


def has_overdue_end(item: DagRun | Task, cause: Cause) -> bool:
    """Tell whether a run or a scan must have ended by now."""
    if isinstance(item, DagRun):
        return is_overdue(item, cause)
    return item.end_due_at is not None and item.end_due_at <= cause.at


def end_overdue(
    store: WorkflowStore,
    queue: MessageQueue,
    orchestrator: Orchestrator,
    exam: ExamClient,
    settings: Settings,
    follow: Follow,
    turn: Turn,
    due: Iterable[DagRun | Task],
) -> int:
    """End what is past its deadline; a run that has ended in Airflow ends as it did there."""
    cause, until, n_done, n_in_vain = turn.cause, turn.until(END_SHARE), 0, 0

    def end(item: DagRun | Task) -> None:
        # A careful turn has put it off before it asked for it.
        if turn.is_careful or _put_off(store, item, cause):
            _end_one(store, queue, exam, settings, follow, item, answers, cause)

    overdue = turn.order_due(item for item in due if has_overdue_end(item, cause))
    for group in turn.group(overdue):
        if turn.is_over(until):
            break
        if turn.is_careful and not _put_off(store, group[0], cause):
            continue
        is_away = n_in_vain == MAX_N_IN_VAIN
        found = None if is_away else try_to_ask_airflow(orchestrator, turn, group, until)
        n_in_vain += found is None and not is_away
        answers = found or Answers()
        n_done += turn.serve(group, end, max(until, turn.clock() + LEAST_DUE_TIME))
    return n_done


def _end_one(
    store: WorkflowStore,
    queue: MessageQueue,
    exam: ExamClient,
    settings: Settings,
    follow: Follow,
    item: DagRun | Task,
    answers: Answers,
    cause: Cause,
) -> None:
    if isinstance(item, Task):
        with keep_going("not reconciled"):
            ids = (item.workflow_id, item.task_id)
            end_overdue_task(store, queue, exam, settings, *ids, cause)
        return
    with traced(item.trace), keep_going("run not followed"):
        follow(item, answers, cause)
    with traced(item.trace), keep_going("not reconciled"):
        end_overdue_run(store, queue, settings, item.dag_run_id, answers, cause)


def _put_off(store: WorkflowStore, item: DagRun | Task, cause: Cause) -> bool:
    # Before it is touched: what kills the turn is not the first of the next one again.
    later = item.put_off(cause.at) if isinstance(item, DagRun) else item.put_off_end(cause.at)
    is_put_off = False
    with keep_going("not put off"):
        store.commit([later])
        is_put_off = True
    return is_put_off
