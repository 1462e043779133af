"""``validate``: what processing a workflow would do, and what keeps it from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

import typer

from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.options import WorkflowId
from scanhub_workflow.cli.output import Columns, Output, to_text
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.words import name_tasks, tell
from scanhub_workflow.client import Client
from scanhub_workflow.errors import ScanHubError
from scanhub_workflow.models import PlannedTaskView, StartMode, ValidatedWorkflowView

_STARTS = {
    StartMode.process: "by process",
    StartMode.by_itself: "by itself",
    StartMode.operator: "by an operator",
}


def validate(context: typer.Context, workflow_id: WorkflowId, as_json: AsJson = False) -> None:
    """Say what process would start, in which order, and what is missing; nothing is changed."""
    session = begin(context, as_json)
    output = session.output
    with session.connect() as client:
        validated = client.validate_workflow(workflow_id)
        if as_json:
            output.document(validated)
        else:
            names = name_tasks(client.get_workflow(workflow_id).tasks)
            _show(output, validated, names)
    if not validated.is_valid:
        raise typer.Exit(ExitCode.FAILED)


def show_problems(
    output: Output,
    client: Client,
    workflow_id: str,
    *,
    not_checked: Sequence[str] = (),
    known: str = "",
) -> None:
    """Tell a person what `validate` says against a workflow, each thing once.

    Parameters
    ----------
    output
        Where to.
    client
        The API; where it cannot be asked, nothing more is told.
    workflow_id
        The workflow.
    not_checked
        What no service has answered, as `process` says.
    known
        What has been told already.
    """
    if output.is_json:
        return
    for text in not_checked:
        known += f"Not checked: {text}"
        output.note(f"Not checked: {text}")
    with suppress(ScanHubError):
        validated = client.validate_workflow(workflow_id)
        names = name_tasks(client.get_workflow(workflow_id).tasks)
        for name, problem in _list_problems(validated, names):
            if problem not in known:
                output.note(f"{name}: {problem}")


def _list_problems(
    validated: ValidatedWorkflowView, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    yield from (("Workflow", problem) for problem in validated.problems)
    for task in validated.tasks:
        name = names.get(task.task_id, task.task_id)
        yield from ((name, problem) for problem in task.problems)


def _show(output: Output, validated: ValidatedWorkflowView, names: Mapping[str, str]) -> None:
    starting = [names.get(task_id, task_id) for task_id in validated.would_start]
    started = to_text(" and ".join(starting) or "nothing")
    output.say(f"Processing it would start {started}.")
    output.table(validated.tasks, _make_columns(names))
    for problem in validated.problems:
        output.say(to_text(problem))
    output.say("Nothing is missing." if validated.is_valid else "Something is missing.")


def _make_columns(names: Mapping[str, str]) -> Columns[PlannedTaskView]:
    return {
        "TASK": lambda task: task.task_id,
        "NAME": lambda task: names.get(task.task_id),
        "STATUS": lambda task: task.status,
        "STARTS": lambda task: _STARTS[task.start] if task.start else None,
        "TAKES": lambda task: (
            ", ".join(names.get(each, each) for each in task.input_task_ids) or None
        ),
        "PROBLEMS": lambda task: tell(" ".join(task.problems)),
    }
