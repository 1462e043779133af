"""What is to be committed about a workflow, kept while it is being decided."""

from dataclasses import dataclass, field
from typing import Self

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause, Entity, Event, record_event
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.domain.transitions import (
    WORKFLOW_EVENT_TO,
    DagRunEvent,
    TaskEvent,
    move_run,
    transition_workflow,
)
from workflow_manager.domain.workflow import WorkflowStatus


@dataclass
class ChangeSet(TaskGraph):
    """A workflow as it was loaded, and what has changed since."""

    _changed: dict[str, Entity] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    @property
    def changes(self) -> list[Entity]:
        """What is to be committed, the workflow always among it if anything is."""
        if not self._changed and not self.events:
            return []
        return [self.workflow, *self._changed.values()]

    @property
    def changed_runs(self) -> list[DagRun]:
        """Runs that wait for a message to start them, that have moved or are to be stopped."""
        return [entity for entity in self._changed.values() if isinstance(entity, DagRun)]

    @property
    def changed_tasks(self) -> list[Task]:
        """Tasks that have changed in any way."""
        return [entity for entity in self._changed.values() if isinstance(entity, Task)]

    def as_committed(self) -> Self:
        """Return the workflow as the commit of its changes has left it."""
        if not self.changes:
            return self
        workflow = self.workflow.evolve(version=self.workflow.version + 1)
        changed = {
            task_id: task.evolve(version=task.version + 1)
            for task_id, task in self.tasks.items()
            if task_id in self._changed
        }
        return type(self)(workflow=workflow, tasks=self.tasks | changed)

    def put_run(self, run: DagRun) -> None:
        """Create or change a run of the workflow."""
        self._changed[run.dag_run_id] = run

    def move_run(self, run: DagRun, event: DagRunEvent, cause: Cause, **changes: object) -> DagRun:
        """Move a run of the workflow, and let the audit trail follow."""
        # The start of a run is noted without its workflow, which may have gone on meanwhile.
        trail = (self.workflow.last_event_id, run.last_event_id)
        last_event_id = max((each for each in trail if each), default=None)
        moved, line = move_run(run.evolve(last_event_id=last_event_id), event, cause, **changes)
        self.put_run(moved)
        self._append(line)
        return moved

    def put_task(self, task: Task, cause: Cause) -> None:
        """Change a task."""
        self.tasks[task.task_id] = task.evolve(updated_at=cause.at)
        self._changed[task.task_id] = self.tasks[task.task_id]

    def adopt(self, task: Task, cause: Cause) -> None:
        """Take over a task that we have not started, as exam-manager has it."""
        self.put_task(task, cause)
        if task.status is not TaskStatus.PENDING:
            states = (TaskStatus.PENDING, task.status)
            self.record(f"task:{task.task_id}", "adopt", states, cause, task.reason)

    def move_task(
        self, task: Task, event: TaskEvent, cause: Cause, note: str | None = None
    ) -> Task:
        """Change a task's status, and let audit trail and workflow follow."""
        before = self.tasks[task.task_id].status
        # What exam-manager said of one attempt says nothing of the next.
        self.put_task(task.evolve(missing_since=None, ask_again_at=None), cause)
        entity = f"task:{task.task_id}"
        self.record(entity, event, (before, task.status), cause, note or task.reason)
        self.follow_tasks(cause)
        return self.tasks[task.task_id]

    def follow_tasks(self, cause: Cause) -> None:
        """Let the workflow's status follow from its tasks'."""
        before, demanded = self.workflow.status, self._demanded_status()
        if demanded is before:
            self.workflow = self.workflow.evolve(updated_at=cause.at)
            return
        event = WORKFLOW_EVENT_TO[demanded]
        status = transition_workflow(before, event)
        self.workflow = self.workflow.evolve(status=status, updated_at=cause.at)
        self.record(self.workflow.subject, event, (before, status), cause)

    def _demanded_status(self) -> WorkflowStatus:
        statuses = {task.status for task in self.tasks.values() if not task.is_deleted}
        if TaskStatus.IN_PROGRESS in statuses:
            return WorkflowStatus.RUNNING
        if TaskStatus.CANCELLED in statuses:
            return WorkflowStatus.CANCELLED
        if TaskStatus.FAILED in statuses:
            return WorkflowStatus.FAILED
        return (
            WorkflowStatus.RUNNING if TaskStatus.PENDING in statuses else WorkflowStatus.COMPLETED
        )

    def record(
        self,
        entity: str,
        name: str,
        states: tuple[str | None, str],
        cause: Cause,
        reason: str | None = None,
    ) -> Event:
        """Add a line to the audit trail."""
        subject, last_event_id = self.workflow.subject, self.workflow.last_event_id
        line = record_event(subject, entity, name, states, cause, reason, last_event_id)
        return self._append(line)

    def _append(self, line: Event) -> Event:
        self.events.append(line)
        self.workflow = self.workflow.evolve(last_event_id=line.event_id)
        return line
