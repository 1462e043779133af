"""A task of a workflow as we carry it out; exam-manager stays the owner of its definition."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ItemStatus, TaskType

MIRROR_RETRY = timedelta(seconds=60)


class TaskStatus(StrEnum):
    """Where a task stands."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


_FROM_EXAM_MANAGER = {
    ItemStatus.NEW: TaskStatus.PENDING,
    ItemStatus.UPDATED: TaskStatus.PENDING,
    # Started by somebody else: it ends by its data, or at the deadline.
    ItemStatus.STARTED: TaskStatus.IN_PROGRESS,
    ItemStatus.INPROGRESS: TaskStatus.IN_PROGRESS,
    ItemStatus.FINISHED: TaskStatus.COMPLETED,
    ItemStatus.DELETED: TaskStatus.FAILED,
}


class Task(Entity):
    """One task of a workflow and how far it is.

    Attributes
    ----------
    args, destinations
        As exam-manager defines them; name and comment are left there, for they are free text.
    input_task_ids
        The tasks whose data it takes.
    attempt
        Counts from 1 with the first start.
    data
        What a completed task hands to the tasks that take it as input.
    defined_at
        ``datetime_created`` of exam-manager, naive server-local: only good for sorting.
    is_mirror_due
        Exam-manager has not been told of the present status yet.
    """

    workflow_id: str
    task_id: str
    task_type: TaskType
    args: dict[str, str] = Field(default_factory=dict)
    destinations: dict[str, str] = Field(default_factory=dict)
    input_task_ids: tuple[str, ...] = ()
    status: TaskStatus = TaskStatus.PENDING
    progress: int = 0
    attempt: int = 0
    dag_run_id: str | None = None
    data: ObjectVersion | None = None
    reason: str | None = None
    deadline: AwareDatetime | None = None
    defined_at: str
    updated_at: AwareDatetime
    is_mirror_due: bool = False

    @property
    def due_at(self) -> AwareDatetime | None:
        """When the reconciler must look at this task; the deadline of a DAG task is its run's."""
        if self.is_mirror_due:
            return self.updated_at + MIRROR_RETRY
        if self.status is TaskStatus.IN_PROGRESS and self.dag_run_id is None:
            return self.deadline
        return None

    @property
    def definition(self) -> dict[str, object]:
        """What exam-manager may still change before the task starts."""
        return self.model_dump(include={"task_type", "args", "destinations", "input_task_ids"})

    @property
    def is_simulated(self) -> bool:
        """Whether the task asks for a simulated run: ``args["simulate"] = "true"``."""
        return self.args.get("simulate", "").lower() == "true"

    @property
    def dag_id(self) -> str:
        """The DAG of a reconstruction or processing task.

        Raises
        ------
        InvalidInputError
            The task names none.
        """
        for source in (self.destinations, self.args):
            if dag_id := source.get("dag_id"):
                return dag_id
        raise InvalidInputError(
            'The task names no DAG: set "dag_id" in its destinations or in its args.'
        )


def define_tasks(definitions: list[ExamTask], workflow_id: str, at: AwareDatetime) -> list[Task]:
    """Make our tasks of exam-manager's, each taking the data of the one created before it.

    Parameters
    ----------
    definitions
        The tasks of one workflow, in any order.
    workflow_id
        Its id.
    at
        Now.
    """
    tasks: list[Task] = []
    for definition in sorted(definitions, key=lambda task: task.datetime_created):
        status = _FROM_EXAM_MANAGER[definition.status]
        tasks.append(
            Task(
                workflow_id=workflow_id,
                task_id=definition.id,
                task_type=definition.type,
                args=definition.args,
                destinations=definition.destinations,
                input_task_ids=(tasks[-1].task_id,) if tasks else (),
                status=status,
                progress=definition.progress,
                defined_at=definition.datetime_created.isoformat(),
                updated_at=at,
                reason="deleted in exam-manager" if status is TaskStatus.FAILED else None,
            )
        )
    return tasks
