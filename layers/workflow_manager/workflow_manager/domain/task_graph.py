"""A workflow with its tasks, and what can be read off them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from graphlib import CycleError, TopologicalSorter

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.policy import ExecutionPolicy
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.workflow import Workflow, WorkflowStatus


@dataclass(frozen=True)
class TaskGraph:
    """A workflow with its tasks, each of which names the tasks whose data it takes.

    Parameters
    ----------
    tasks
        By id, in the order of their definition.
    """

    workflow: Workflow
    tasks: Mapping[str, Task]

    def with_workflow(self, **changes: object) -> "TaskGraph":
        """Return the graph with some fields of its workflow changed."""
        return replace(self, workflow=self.workflow.evolve(**changes))

    def with_task(self, task: Task) -> "TaskGraph":
        """Return the graph with a task added or exchanged."""
        return replace(self, tasks={**self.tasks, task.task_id: task})

    def is_ready(self, task: Task) -> bool:
        """Tell whether a pending task has what it waits for."""
        is_fed = all(each.status is TaskStatus.COMPLETED for each in self.input_tasks(task))
        return task.status is TaskStatus.PENDING and is_fed and not task.input_problems

    def place(self, task: Task) -> int:
        """Return which task it is, counted from 1."""
        return 1 + list(self.tasks).index(task.task_id)

    @property
    def is_scanning(self) -> bool:
        """Whether a scan of it goes on, of which only exam-manager has the progress."""
        return any(task.is_scanning for task in self.tasks.values())

    def next_ready_task(self) -> Task | None:
        """Return the first pending task whose inputs are all completed."""
        return next((task for task in self.tasks.values() if self.is_ready(task)), None)

    def ready_dag_tasks(self) -> list[Task]:
        """Return the DAG tasks that could be started now."""
        ready = (task for task in self.tasks.values() if self.is_ready(task))
        return [task for task in ready if not task.task_type.is_device_task]

    def advances(self, policy: ExecutionPolicy) -> bool:
        """Tell whether DAG tasks start by themselves."""
        if self.workflow.status is WorkflowStatus.UNKNOWN:
            return False
        return policy.auto_advance and self.workflow.auto_advance

    def failed_scan(self) -> Task | None:
        """Return a scan that has failed: whether its device is at rest, a person must see."""
        scans = (task for task in self.tasks.values() if task.task_type.is_device_task)
        failed = (task for task in scans if task.status is TaskStatus.FAILED)
        return next((task for task in failed if not task.is_deleted), None)

    def current_task(self) -> Task | None:
        """Return the first task that is not completed, the one an operator asks about."""
        tasks = (task for task in self.tasks.values() if not task.is_deleted)
        return next((task for task in tasks if task.status is not TaskStatus.COMPLETED), None)

    def dag_tasks_behind(self, task_id: str) -> list[Task]:
        """Return the DAG tasks that work on what a task leaves, directly or not."""
        followers: dict[str, list[str]] = {}
        for task in self.tasks.values():
            for input_id in () if task.task_type.is_device_task else task.input_task_ids:
                followers.setdefault(input_id, []).append(task.task_id)
        behind, found = {task_id}, [task_id]
        while found:
            new = set(followers.get(found.pop(), [])) - behind
            behind |= new
            found += new
        return [task for each, task in self.tasks.items() if each in behind - {task_id}]

    def tasks_to_reset(self, task_id: str, statuses: Collection[TaskStatus]) -> list[Task]:
        """Return the DAG tasks behind a task that stand so, each before its inputs."""
        behind = (task for task in self.dag_tasks_behind(task_id) if not task.is_deleted)
        return order_by_inputs([task for task in behind if task.status in statuses])[::-1]

    def has_usable_inputs(self, task: Task) -> bool:
        """Tell whether there is data to work on, if only of the scan before a rescan in vain."""
        return all(
            each.status is TaskStatus.COMPLETED or (each.status.has_ended and each.data is not None)
            for each in self.input_tasks(task)
        )

    def has_followers(self, task: Task) -> bool:
        """Tell whether a DAG task takes its data, or may take it; a scan takes none."""
        return any(
            (task.task_id in each.input_task_ids or each.input_problems)
            and not each.task_type.is_device_task
            for each in self.tasks.values()
        )

    def input_data(self, task: Task) -> tuple[ObjectVersion, ...]:
        """Return what the inputs of a task have left, in the order in which it names them.

        Raises
        ------
        InvalidInputError
            It has inputs, and none has left anything.
        """
        found = tuple(each.data for each in self.input_tasks(task) if each.data)
        if task.input_task_ids and not found:
            raise InvalidInputError("The task before it has left no data to work on.")
        return found

    def demanded_status(self) -> WorkflowStatus:
        """Return the status that the tasks demand of their workflow."""
        statuses = {task.status for task in self.tasks.values() if not task.is_deleted}
        # What we do not know may be at work.
        if statuses & {TaskStatus.IN_PROGRESS, TaskStatus.UNKNOWN}:
            return WorkflowStatus.RUNNING
        if TaskStatus.CANCELLED in statuses:
            return WorkflowStatus.CANCELLED
        if TaskStatus.FAILED in statuses:
            return WorkflowStatus.FAILED
        return (
            WorkflowStatus.RUNNING if TaskStatus.PENDING in statuses else WorkflowStatus.COMPLETED
        )

    def is_held(self, task: Task, at: datetime) -> bool:
        """Tell whether a task must not start by itself, for what it works on is being remade.

        Parameters
        ----------
        at
            Now.
        """
        remade, until = self.workflow.remade_task_id, self.workflow.remade_until
        if remade is None or until is None or at >= until:
            return False
        return task.task_id in {each.task_id for each in self.dag_tasks_behind(remade)}

    def input_tasks(self, task: Task) -> list[Task]:
        """Return the tasks whose data a task takes, in the order in which it names them."""
        return [self.tasks[input_id] for input_id in task.input_task_ids]


def order_by_inputs(tasks: Sequence[Task]) -> list[Task]:
    """Return tasks in an order in which each comes behind those whose data it takes."""
    by_id = {task.task_id: task for task in tasks}
    sorter = TopologicalSorter({each: task.input_task_ids for each, task in by_id.items()})
    try:
        return [by_id[each] for each in sorter.static_order() if each in by_id]
    except CycleError:
        # What was started keeps its inputs, whatever exam-manager says of the others since.
        return list(tasks)
