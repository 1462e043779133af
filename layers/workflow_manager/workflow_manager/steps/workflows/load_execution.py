"""Bring exam-manager's definition of a workflow and our state of it together."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from workflow_manager.beside import Beside
from workflow_manager.domain.definition import (
    make_execution,
    make_tasks,
    refresh_execution,
    renew_orders,
)
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.exam import ExamWorkflow, ItemStatus
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import Task
from workflow_manager.ports import ExamClient, WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.steps.workflows.find_templates import find_templates


def fetch_workflow(
    exam: ExamClient, workflow_id: str, detail: str = "Failed to fetch workflow data"
) -> ExamWorkflow:
    """Return a workflow that may be carried out, as exam-manager has it.

    Parameters
    ----------
    detail
        ScanHub's text where exam-manager has no such workflow.

    Raises
    ------
    ConflictError
        It is a template, or deleted.
    """
    workflow = exam.get_workflow(workflow_id, detail)
    if workflow.is_template:
        raise ConflictError("The workflow is a template: make a workflow of it first.")
    if workflow.status is ItemStatus.DELETED:
        raise ConflictError("The workflow was deleted in exam-manager.")
    return workflow


def _read_both(
    store: WorkflowStore,
    exam: ExamClient,
    workflow_id: str,
    detail: str,
    tell_exam: Callable[[str | None], object],
) -> tuple[Execution | None, ExamWorkflow]:
    """Return our state, no task of it older than its workflow, and a definition newer than both.

    In this order, what happens in between makes the commit fail; an older definition would undo
    what exam-manager has been told since.
    """
    execution = store.get_execution_at_once(workflow_id)
    if execution is None:
        return None, fetch_workflow(exam, workflow_id, detail)
    tell_exam(execution.graph.workflow.exam_id)
    list_tasks = store.list_tasks
    with Beside(partial(list_tasks, workflow_id)) as again:
        definition = fetch_workflow(exam, workflow_id, detail)
    # Read behind the workflow: no stale task passes a commit that only the workflow's version
    # guards.
    tasks = again.wait()
    if _versions(tasks) == _versions(execution.graph.tasks):
        return execution, definition
    # Somebody wrote in this moment, and may have told exam-manager.
    renewed = Execution(replace(execution.graph, tasks=tasks))
    return renewed, fetch_workflow(exam, workflow_id, detail)


def _versions(tasks: Mapping[str, Task]) -> dict[str, int]:
    return {task_id: task.version for task_id, task in tasks.items()}


def load_execution(
    store: WorkflowStore,
    exam: ExamClient,
    settings: Settings,
    workflow_id: str,
    cause: Cause,
    detail: str = "Failed to fetch workflow data",
    renewed_task_id: str | None = None,
    tell_exam: Callable[[str | None], object] = lambda _: None,
) -> Execution:
    """Return our state of a workflow, up to date with its definition; nothing is written yet.

    Parameters
    ----------
    detail
        ScanHub's text where exam-manager has no such workflow.
    renewed_task_id
        A task that is about to be started again, as exam-manager defines it now.
    tell_exam
        Called with the workflow's exam as our state has it, before exam-manager is asked.

    Returns
    -------
    Execution
        With the changes that a commit would write.
    """
    execution, definition = _read_both(store, exam, workflow_id, detail, tell_exam)
    templates = find_templates(exam, definition)
    tasks = make_tasks(definition, settings.policy, cause.at, templates)
    if execution is None:
        return make_execution(definition, tasks, cause)
    refresh_execution(execution, definition, tasks, cause)
    if renewed_task_id is not None and renewed_task_id in execution.graph.tasks:
        renew_orders(execution, tasks, renewed_task_id, cause)
    return execution
