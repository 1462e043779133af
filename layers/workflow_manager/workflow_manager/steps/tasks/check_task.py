"""Find what keeps a task from starting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from workflow_manager.domain.errors import (
    ConflictError,
    InvalidInputError,
    LoginExpiredError,
    NeighbourRefusedError,
    NotFoundError,
    ScanHubError,
)
from workflow_manager.domain.parameters import read_parameters
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.domain.task_graph import TaskGraph
from workflow_manager.settings import Settings
from workflow_manager.steps.scans.start_scan import parse_parameters, require_arg


class Kind(Enum):
    """What a complaint says of its task."""

    WRONG = auto()
    PASSING = auto()
    UNCHECKED = auto()


@dataclass(frozen=True)
class Complaint:
    """What keeps a task from starting, in a sentence.

    Parameters
    ----------
    kind
        WRONG: its definition; PASSING: the moment; UNCHECKED: a service gave no answer of its own.
    """

    text: str
    kind: Kind = Kind.WRONG

    @property
    def is_certain(self) -> bool:
        """Whether somebody who knows has said so."""
        return self.kind is not Kind.UNCHECKED


def find_own_complaints(settings: Settings, graph: TaskGraph, task: Task) -> Iterator[Complaint]:
    """Yield what is wrong with a pending task, as far as no service need be asked."""
    if task.is_oversized:
        yield from find_complaints(task.check_size)
        return
    yield from map(Complaint, task.input_problems)
    yield from find_complaints(partial(task.timeout_s, settings.policy))
    if task.task_type.is_device_task:
        yield from find_complaints(partial(parse_parameters, task))
        for name in ("device_id", "sequence_id"):
            yield from find_complaints(partial(require_arg, task, name))
    elif is_simulated(settings, task):
        yield from find_complaints(partial(require_arg, task, "contrast"))
    else:
        yield from find_complaints(partial(task.find_dag_id, settings.policy))
        yield from find_complaints(partial(read_parameters, task.args))
        yield from find_complaints(partial(_check_inputs, graph, task))


def is_simulated(settings: Settings, task: Task) -> bool:
    """Tell whether the run of a DAG task would be simulated."""
    return task.is_simulated or not settings.has_orchestrator


def _check_inputs(graph: TaskGraph, task: Task) -> None:
    inputs = [graph.tasks[each] for each in task.input_task_ids]
    if gone := next((each for each in inputs if each.is_deleted), None):
        raise InvalidInputError(
            f"Task {gone.task_id}, whose data it takes, was deleted in exam-manager."
        )
    if all(each.status is TaskStatus.COMPLETED for each in inputs):
        # Nobody will make any more.
        graph.input_data(task)


def find_complaints(check: Callable[[], object]) -> Iterator[Complaint]:
    """Yield why a check fails; a check raises if something is missing."""
    try:
        check()
    except ScanHubError as error:
        yield explain(error)


def explain(error: ScanHubError) -> Complaint:
    """Return what an error says of the task for which it was raised."""
    if isinstance(error, ConflictError):
        return Complaint(error.detail, Kind.PASSING)
    # Else something has answered in the service's place, or nothing, or the deployment is wrong.
    is_answer = isinstance(error, NeighbourRefusedError) and error.is_own
    is_certain = is_answer or isinstance(
        error, InvalidInputError | NotFoundError | LoginExpiredError
    )
    return Complaint(error.detail, Kind.WRONG if is_certain else Kind.UNCHECKED)
