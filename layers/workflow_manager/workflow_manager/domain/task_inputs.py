"""Whose data a task takes: of the tasks that it names, else of the nearest of the kind it needs.

A result of the wrong scan is the worst that can come of this: what cannot be told is a problem,
never a guess (docs/adr/0019-whose-data-a-task-takes.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow, TaskType, asks_for_simulation
from workflow_manager.domain.named_inputs import (
    INPUTS_ARG,
    NO_TEMPLATES,
    NamedInputs,
    Templates,
    names_inputs,
)

MAX_N_TASKS = 1000
MAX_N_SHOWN = 10
# What is committed at once of tasks and their runs must fit into the 4 MB of a transaction.
MAX_N_INPUTS = 10_000
# Exam-manager writes the copies of a template within moments, in any order. A person who adds one
# task after the other takes longer.
MADE_TOGETHER = timedelta(seconds=1)

_NO_SCAN = "It has no data to work on: the workflow has no scan."
_NOT_FED = f'A reconstruction works on data, and "{INPUTS_ARG}" names none.'
# In the words of ScanHub: the copy of a template loses inputs from outside, and nobody is told.
_NO_INPUT = f'DAG task input does not exist: name a task of the workflow in "{INPUTS_ARG}".'


@dataclass(frozen=True)
class Inputs:
    """The tasks whose data a task takes, or why that is not known, in sentences without names."""

    task_ids: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def resolve_inputs(
    workflow: ExamWorkflow, templates: Templates = NO_TEMPLATES, *, is_simulated: bool = False
) -> dict[str, Inputs]:
    """Return the tasks of a workflow, in its order, else of their creation, with their inputs.

    Parameters
    ----------
    workflow
        The workflow, its tasks in any order.
    templates
        What exam-manager has of the ids that the workflow lacks.
    is_simulated
        Whether the deployment simulates every run, which needs no data.

    Raises
    ------
    InvalidInputError
        There are too many tasks or inputs, or they form a cycle.
    """
    if len(workflow.tasks) > MAX_N_TASKS:
        raise InvalidInputError(
            f"The workflow has {len(workflow.tasks)} tasks, and {MAX_N_TASKS} can be carried out."
        )
    # Scans first among tasks created in one moment: a list may come in another order each time.
    ordered = sorted(
        workflow.tasks,
        key=lambda task: (
            task.position or 0,
            task.datetime_created,
            not task.type.is_device_task,
            task.id,
        ),
    )
    names = NamedInputs(ordered, templates)
    inputs = _find_nearest(ordered)
    for task in ordered:
        if names_inputs(task):
            inputs[task.id] = Inputs(*names.find(task))
    if sum(len(each.task_ids) for each in inputs.values()) > MAX_N_INPUTS:
        raise InvalidInputError(f"The workflow's tasks name more than {MAX_N_INPUTS} inputs.")
    _check_order({task_id: each.task_ids for task_id, each in inputs.items()})
    if is_simulated:
        return inputs
    by_id = {task.id: task for task in ordered}
    return {task_id: _require_data(by_id[task_id], each, by_id) for task_id, each in inputs.items()}


def _find_nearest(ordered: Sequence[ExamTask]) -> dict[str, Inputs]:
    """Return the inputs of tasks that name none.

    That is the nearest task of the right kind created before, or the only one there is. Among tasks
    that were made together the order says nothing: of several, none is the nearest.
    """
    of_kind = {is_scan: _pick(ordered, is_scan=is_scan) for is_scan in (True, False)}
    nearest: dict[bool, list[ExamTask]] = {}
    inputs: dict[str, Inputs] = {}
    for together in _group(ordered):
        nearest |= {
            is_scan: found for is_scan in of_kind if (found := _pick(together, is_scan=is_scan))
        }
        for task in together:
            takes_scan = task.type is TaskType.RECONSTRUCTION_TASK or not of_kind[False]
            candidates = nearest.get(takes_scan) or of_kind[takes_scan]
            inputs[task.id] = _choose(task, candidates)
    return inputs


def _pick(tasks: Sequence[ExamTask], *, is_scan: bool) -> list[ExamTask]:
    if is_scan:
        return [task for task in tasks if task.type.is_device_task]
    return [task for task in tasks if task.type is TaskType.RECONSTRUCTION_TASK]


def _group(ordered: Sequence[ExamTask]) -> Iterator[list[ExamTask]]:
    together: list[ExamTask] = []
    for task in ordered:
        if together and task.datetime_created - together[-1].datetime_created >= MADE_TOGETHER:
            yield together
            together = []
        together.append(task)
    if together:
        yield together


def _choose(task: ExamTask, candidates: Sequence[ExamTask]) -> Inputs:
    if task.type.is_device_task or not candidates:
        return Inputs()
    if len(candidates) == 1:
        return Inputs((candidates[0].id,))
    kind = "scans" if candidates[0].type.is_device_task else "reconstructions"
    return Inputs(
        problems=(
            f"It cannot be told which of several {kind} it takes the data of: "
            f'name one in "{INPUTS_ARG}" of its args, by its name or id.',
        )
    )


def _require_data(task: ExamTask, inputs: Inputs, by_id: Mapping[str, ExamTask]) -> Inputs:
    """Return the inputs with what is missing of them; a simulated run needs no data."""
    if task.type.is_device_task or inputs.problems or asks_for_simulation(task.args):
        return inputs
    simulated = [each for each in inputs.task_ids if asks_for_simulation(by_id[each].args)]
    if simulated := [each for each in simulated if not by_id[each].type.is_device_task]:
        problem = f"It takes the data of {_list(simulated)}, which is simulated and leaves none."
        return replace(inputs, problems=(problem,))
    if inputs.task_ids:
        return inputs
    if task.input_task_ids is not None:
        return Inputs(problems=(_NO_INPUT,))
    # An empty list is the operator's word that a processing task needs no data.
    if INPUTS_ARG not in task.args:
        return Inputs(problems=(_NO_SCAN,))
    is_reconstruction = task.type is TaskType.RECONSTRUCTION_TASK
    return Inputs(problems=(_NOT_FED,)) if is_reconstruction else inputs


def _check_order(inputs: Mapping[str, Sequence[str]]) -> None:
    try:
        TopologicalSorter(inputs).prepare()
    except CycleError as error:
        cycle = _list(error.args[1], " from ")
        raise InvalidInputError(f"Tasks take data in a circle: {cycle}.") from None


def _list(task_ids: Sequence[str], separator: str = ", ") -> str:
    shown = separator.join(task_ids[:MAX_N_SHOWN])
    return f"{shown} and others" if len(task_ids) > MAX_N_SHOWN else shown
