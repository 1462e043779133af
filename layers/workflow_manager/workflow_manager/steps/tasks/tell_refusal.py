"""Tell the operator where he looks why a call of his has started nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    ScanHubError,
    VersionConflictError,
)
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import ExamClient, WorkflowStore
from workflow_manager.steps.tasks.tell_operator import tell_operator


@contextmanager
def tell_refusal(
    store: WorkflowStore, exam: ExamClient, workflow_id: str, task_id: str | None
) -> Iterator[None]:
    """Tell a task's operator what the block refuses, for ScanHub's page shows no answer of ours.

    Parameters
    ----------
    task_id
        The task that the call wanted to start; None: there is none.
    """
    try:
        yield
    except VersionConflictError:
        raise
    except (ConflictError, InvalidInputError) as error:
        if task_id is not None and _is_quiet(store, workflow_id, task_id):
            tell_operator(exam, task_id, error.detail)
        raise


def _is_quiet(store: WorkflowStore, workflow_id: str, task_id: str) -> bool:
    # Device-manager writes to a scan in progress, which a task that we cannot read may be. A report
    # that is due tells the reason itself.
    try:
        task = store.get_task(workflow_id, task_id)
    except ScanHubError:
        return False
    may_run = (TaskStatus.IN_PROGRESS, TaskStatus.UNKNOWN)
    return task is None or not (task.status in may_run or task.is_mirror_due)
