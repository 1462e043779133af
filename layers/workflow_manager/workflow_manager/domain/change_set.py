"""What is to be committed about a workflow, kept while it is being decided."""

from dataclasses import dataclass, field

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause, Entity, Event, record_event
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.transitions import TaskEvent
from workflow_manager.domain.workflow import Workflow, WorkflowStatus


@dataclass
class ChangeSet:
    """A workflow as it was loaded, and what has changed since.

    Parameters
    ----------
    workflow
        The workflow.
    tasks
        Its tasks by id, in the order of their definition.
    """

    workflow: Workflow
    tasks: dict[str, Task]
    _changed: dict[str, Entity] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def changes(self) -> list[Entity]:
        """What is to be committed, the workflow always among it if anything is."""
        if not self._changed and not self.events:
            return []
        return [self.workflow, *self._changed.values()]

    @property
    def new_runs(self) -> list[DagRun]:
        """Runs that wait for a message to start them."""
        runs = (entity for entity in self._changed.values() if isinstance(entity, DagRun))
        return [run for run in runs if run.version == 0]

    def put_task(self, task: Task, cause: Cause) -> None:
        """Change a task."""
        self.tasks[task.task_id] = task.evolve(updated_at=cause.at)
        self._changed[task.task_id] = self.tasks[task.task_id]

    def move_task(self, task: Task, event: TaskEvent, cause: Cause) -> Task:
        """Change a task's status, and let audit trail and workflow follow."""
        before = self.tasks[task.task_id].status
        self.put_task(task, cause)
        entity = f"task:{task.task_id}"
        self.record(entity, event, (before, task.status), cause, task.reason)
        self.follow_tasks(cause)
        return self.tasks[task.task_id]

    def follow_tasks(self, cause: Cause) -> None:
        """Let the workflow's status follow from its tasks'."""
        statuses = {task.status for task in self.tasks.values() if not task.is_deleted}
        status = WorkflowStatus.RUNNING
        if statuses <= {TaskStatus.COMPLETED}:
            status = WorkflowStatus.COMPLETED
        elif TaskStatus.FAILED in statuses and TaskStatus.IN_PROGRESS not in statuses:
            status = WorkflowStatus.FAILED
        before = self.workflow.status
        self.workflow = self.workflow.evolve(status=status, updated_at=cause.at)
        if status is not before:
            entity = f"workflow:{self.workflow.workflow_id}"
            self.record(entity, "follow_tasks", (before, status), cause)

    def record(
        self,
        entity: str,
        name: str,
        states: tuple[str | None, str],
        cause: Cause,
        reason: str | None = None,
    ) -> None:
        """Add a line to the audit trail."""
        subject = f"workflow:{self.workflow.workflow_id}"
        self.events.append(record_event(subject, entity, name, states, cause, reason))
