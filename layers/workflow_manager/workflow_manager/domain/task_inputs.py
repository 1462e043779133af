"""Which task takes whose data."""

import json
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow

MAX_N_TASKS = 1000
MAX_N_NAMED, MAX_ID_LENGTH = 10, 100
# What is committed at once of tasks and their runs must fit into the 4 MB of a transaction.
MAX_N_INPUTS = 10_000


def resolve_inputs(workflow: ExamWorkflow) -> dict[str, tuple[str, ...]]:
    """Return the tasks of a workflow, in the order of their creation, with their inputs.

    ``args["input_task_ids"]``, a JSON list, names them; a task that names none takes the data of
    the one created before it, which is ScanHub's rule.

    Parameters
    ----------
    workflow
        The workflow, its tasks in any order.

    Returns
    -------
    dict[str, tuple[str, ...]]
        Ids of the input tasks by task id.

    Raises
    ------
    InvalidInputError
        A task names itself, a task of no such id, or something else; the inputs form a cycle; or
        there are too many.
    """
    if len(workflow.tasks) > MAX_N_TASKS:
        raise InvalidInputError(
            f"The workflow has {len(workflow.tasks)} tasks, and {MAX_N_TASKS} can be carried out."
        )
    # Scans first among tasks created in one moment: a list may come in another order each time.
    ordered = sorted(
        workflow.tasks,
        key=lambda task: (task.datetime_created, not task.type.is_device_task, task.id),
    )
    inputs: dict[str, tuple[str, ...]] = {}
    previous: tuple[str, ...] = ()
    for task in ordered:
        named = task.args.get("input_task_ids")
        inputs[task.id] = previous if named is None else _parse(task, named)
        previous = (task.id,)
    if sum(map(len, inputs.values())) > MAX_N_INPUTS:
        raise InvalidInputError(f"The workflow's tasks name more than {MAX_N_INPUTS} inputs.")
    _check(inputs)
    return inputs


def _parse(task: ExamTask, named: str) -> tuple[str, ...]:
    try:
        ids = json.loads(named)
    except ValueError:
        ids = None
    if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
        raise InvalidInputError(f'"input_task_ids" of task {task.id} must be a JSON list of ids.')
    return tuple(dict.fromkeys(ids))


def _check(inputs: dict[str, tuple[str, ...]]) -> None:
    for task_id, input_ids in inputs.items():
        if task_id in input_ids:
            raise InvalidInputError(f"Task {task_id} takes its own data.")
        if unknown := [each for each in input_ids if each not in inputs]:
            raise InvalidInputError(
                f"Task {task_id} takes the data of {_name(unknown)}, which the workflow lacks."
            )
    try:
        TopologicalSorter(inputs).prepare()
    except CycleError as error:
        cycle = _name(error.args[1], " from ")
        raise InvalidInputError(f"Tasks take data in a circle: {cycle}.") from None


def _name(task_ids: Sequence[str], separator: str = ", ") -> str:
    # What is no id may be of any length.
    shown = separator.join(each[:MAX_ID_LENGTH] for each in task_ids[:MAX_N_NAMED])
    return f"{shown} and others" if len(task_ids) > MAX_N_NAMED else shown
