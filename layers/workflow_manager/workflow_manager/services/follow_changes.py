"""Carry changes of state on to Airflow and exam-manager; later tries are the reconciler's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from workflow_manager.domain.entity import Cause
from workflow_manager.ports import Clock, ExamClient, Orchestrator, WorkflowStore
from workflow_manager.steps.keep_going import keep_going
from workflow_manager.steps.runs.stop_dag_run import stop_dag_run
from workflow_manager.steps.tasks.mirror_task import mirror_task

# No item of a message is begun later than this; one takes half a minute at most.
TIME_BUDGET = timedelta(seconds=10)


@dataclass(frozen=True)
class ReportTasks:
    """A message: tell exam-manager where tasks of a workflow stand.

    Parameters
    ----------
    is_repeated
        Whether the message was delivered before.
    """

    workflow_id: str
    task_ids: tuple[str, ...]
    is_repeated: bool = False


@dataclass(frozen=True)
class StopDagRuns:
    """A message: stop runs in Airflow."""

    dag_run_ids: tuple[str, ...]


def follow_changes(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    clock: Clock,
    command: ReportTasks | StopDagRuns,
    cause: Cause,
) -> None:
    """Do once what a message asks for, with its items as they are now; it raises nothing."""
    for act in _list_acts(store, orchestrator, exam, command, cause):
        if clock() > cause.at + TIME_BUDGET:
            break
        with keep_going("change not followed"):
            act()


def _list_acts(
    store: WorkflowStore,
    orchestrator: Orchestrator,
    exam: ExamClient,
    command: ReportTasks | StopDagRuns,
    cause: Cause,
) -> list[Callable[[], None]]:
    if isinstance(command, StopDagRuns):
        stop = partial(stop_dag_run, store, orchestrator, cause=cause)
        return [partial(stop, dag_run_id) for dag_run_id in command.dag_run_ids]
    tell = partial(mirror_task, store, exam, command.workflow_id, cause=cause)
    return [partial(tell, each, is_repeated=command.is_repeated) for each in command.task_ids]
