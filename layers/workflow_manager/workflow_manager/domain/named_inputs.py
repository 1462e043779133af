"""The tasks that `args["input_task_ids"]` names: by id, by name, or by the id in a template."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.exam import ExamTask, ExamWorkflow
from workflow_manager.domain.ids import is_uuid, normalize_id
from workflow_manager.domain.template_copy import find_copy

INPUTS_ARG = "input_task_ids"
MAX_N_PROBLEMS, MAX_N_MATCHES = 10, 10

# By the id of a task that a workflow lacks: that task and what is in a template with it.
Templates = Mapping[str, Sequence[ExamTask]]
NO_TEMPLATES: Templates = MappingProxyType({})


def list_unknown_ids(workflow: ExamWorkflow) -> list[str]:
    """Return the ids that tasks name as inputs and that the workflow lacks, each once."""
    names = NamedInputs(workflow.tasks, NO_TEMPLATES)
    unknown: dict[str, None] = {}
    for task in workflow.tasks:
        try:
            entries = _parse(task)
        except InvalidInputError:
            continue
        # A name is free text, and goes into no URL.
        ids = (normalize_id(entry) for entry in entries if is_uuid(entry))
        unknown |= dict.fromkeys(each for each in ids if not names.match(each))
    return list(unknown)


class NamedInputs:
    """What the tasks of a workflow may be called by another one."""

    def __init__(self, tasks: Sequence[ExamTask], templates: Templates) -> None:
        self._tasks = tasks
        self._templates = templates
        self._copies: dict[str, ExamTask | None] = {}
        self._ids: dict[str, set[str]] = {}
        for task in tasks:
            for called in {task.id, task.name} - {""}:
                self._ids.setdefault(called, set()).add(task.id)

    def match(self, entry: str) -> set[str]:
        """Return the ids of all tasks that an entry may mean: one may be named as another's id."""
        return self._ids.get(entry, set()) | self._ids.get(normalize_id(entry), set())

    def find(self, task: ExamTask) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ids of the tasks that a task names, each once, and what is wrong with them.

        The sentences repeat no name, because names are free text.
        """
        found: dict[str, None] = {}
        problems: list[str] = []
        try:
            entries = _parse(task)
        except InvalidInputError as error:
            return (), (error.detail,)
        for number, entry in enumerate(entries, 1):
            try:
                found[self._find(task, entry, number)] = None
            except InvalidInputError as error:
                problems.append(error.detail)
                if len(problems) == MAX_N_PROBLEMS:
                    break
        return (() if problems else tuple(found)), tuple(problems)

    def _find(self, task: ExamTask, entry: str, number: int) -> str:
        matches = sorted(self.match(entry))
        if len(matches) > 1:
            shown = ", ".join(matches[:MAX_N_MATCHES])
            raise InvalidInputError(
                f'Entry {number} of "{INPUTS_ARG}" may mean several tasks ({shown}): '
                "name the one by its id, or give it a name of its own."
            )
        found = matches[0] if matches else self._find_copy(entry, number)
        if found == task.id:
            raise InvalidInputError("It takes its own data.")
        return found

    def _find_copy(self, entry: str, number: int) -> str:
        task_id = normalize_id(entry)
        if not is_uuid(entry):
            raise InvalidInputError(
                f'Entry {number} of "{INPUTS_ARG}" is neither the id nor the name of a task of '
                "the workflow."
            )
        template = self._templates.get(task_id, ())
        original = next((task for task in template if task.id == task_id), None)
        if original is None:
            raise InvalidInputError(f"It takes the data of {task_id}, which the workflow lacks.")
        if not original.is_template:
            raise InvalidInputError(f"It takes the data of {task_id}, of another workflow.")
        if task_id not in self._copies:
            self._copies[task_id] = find_copy(original, template, self._tasks)
        if (copy := self._copies[task_id]) is None:
            raise InvalidInputError(
                f"It takes the data of {task_id}, a task of a template, and it cannot be told "
                f'which task is the copy of that: name it in "{INPUTS_ARG}".'
            )
        return copy.id


def names_inputs(task: ExamTask) -> bool:
    """Tell whether a task says whose data it takes."""
    return task.input_task_ids is not None or INPUTS_ARG in task.args


def _parse(task: ExamTask) -> list[str]:
    if task.input_task_ids is not None:
        return list(task.input_task_ids)
    named = task.args.get(INPUTS_ARG, "[]")
    try:
        entries = json.loads(named)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(each, str) for each in entries):
        raise InvalidInputError(f'"{INPUTS_ARG}" must be a JSON list of ids or names of tasks.')
    return entries
