"""``events``: the audit trail of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated

import typer

from scanhub_workflow.cli.options import MAX_PAGE_SIZE, WorkflowId
from scanhub_workflow.cli.output import Columns
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.words import name_tasks, tell
from scanhub_workflow.models import EventView, WorkflowView


def events(
    context: typer.Context,
    workflow_id: WorkflowId,
    after: Annotated[
        str | None, typer.Option(metavar="EVENT", help="Those after this one: an id of --json.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at most; all.")] = None,
    as_json: AsJson = False,
) -> None:
    """List every change of a workflow, of its tasks and its runs, oldest first."""
    session = begin(context, as_json)
    page_size = min(limit or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
    with session.connect() as client:
        pages = client.list_workflow_events(workflow_id, after=after, page_size=page_size)
        found = list(islice(pages, limit))
        names = {} if as_json else _name_entities(client.get_workflow(workflow_id))
    session.output.items(found, _make_columns(names))


def _name_entities(workflow: WorkflowView) -> dict[str, str]:
    names = name_tasks(workflow.tasks)
    by_run = {
        f"dag_run:{task.dag_run_id}": f"run of {names[task.task_id]}" for task in workflow.tasks
    }
    return {f"task:{task_id}": name for task_id, name in names.items()} | by_run


def _make_columns(names: Mapping[str, str]) -> Columns[EventView]:
    return {
        "AT": lambda event: event.at,
        "WHAT": lambda event: names.get(event.entity) or _split(event)[0].replace("_", " "),
        "EVENT": lambda event: event.name,
        "FROM": lambda event: event.from_state,
        "TO": lambda event: event.to_state,
        "BY": lambda event: event.actor,
        "ID": lambda event: _split(event)[1],
        "REASON": lambda event: tell(event.reason),
    }


def _split(event: EventView) -> tuple[str, str]:
    kind, _, entity_id = event.entity.partition(":")
    return kind, entity_id
