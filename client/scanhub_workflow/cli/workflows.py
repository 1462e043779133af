"""Commands on workflows and their tasks."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from scanhub_workflow.cli.following import Timeout, Watch, follow_workflow
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.models import TaskView, WorkflowStatus

WorkflowId = Annotated[str, typer.Argument(metavar="WORKFLOW", help="Id of the workflow.")]
Since = Annotated[str | None, typer.Option(help="A date, or a moment (ISO 8601), in UTC.")]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
ExpectedAttempt = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Its attempt as you know it, 0 before the first: no other is begun.",
    ),
]
MAX_PAGE_SIZE = 100


def tasks(context: typer.Context, as_json: AsJson = False) -> None:
    """List the DAGs that a task can name, or an upload can be for."""
    session = begin(context, as_json)
    with session.connect() as client:
        available = client.list_available_tasks()
    if as_json:
        session.output.document(available.tasks)
        return
    session.output.records(
        [
            {
                "DAG": dag.dag_id,
                "NAME": dag.dag_display_name,
                "STATE": "paused" if dag.is_paused else "broken" if dag.has_import_errors else "ok",
                "TAGS": " ".join(dag.tags),
            }
            for dag in available.tasks.dags
        ]
    )
    for broken in available.tasks.import_errors:
        session.output.note(f"Airflow cannot read {broken.filename}: {broken.error}")


def process(
    context: typer.Context,
    workflow_id: WorkflowId,
    is_watching: Watch = False,
    is_advancing: Annotated[
        bool | None,
        typer.Option(
            "--auto-advance/--step-by-step", help="Whether DAG tasks start by themselves from now."
        ),
    ] = None,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Start the first task that is pending and ready. It may be a scan: the scanner starts."""
    session = begin(context, as_json)
    with session.connect() as client:
        processed = client.process_workflow(workflow_id, auto_advance=is_advancing)
        if not is_watching:
            started = describe_start(processed.task, processed.is_started)
            session.output.answer(processed, started)
            return
        follow_workflow(session.output, client.watch(workflow_id, timeout_s=timeout_s))


def trigger(
    context: typer.Context,
    task_id: Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")],
    expected_attempt: ExpectedAttempt = None,
    as_json: AsJson = False,
) -> None:
    """Start one task; one that has ended starts anew. It may be a scan: the scanner starts."""
    session = begin(context, as_json)
    with session.connect() as client:
        triggered = client.trigger_task(task_id, expected_attempt=expected_attempt)
    session.output.answer(triggered, describe_start(triggered.task, is_started=True))


def workflows(
    context: typer.Context,
    status: Annotated[WorkflowStatus | None, typer.Option(help="Those in this state only.")] = None,
    since: Since = None,
    until: Since = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the workflows that were processed, newest first."""
    session = begin(context, as_json)
    with session.connect() as client:
        pages = client.list_workflows(
            status=status, since=since, until=until, page_size=min(limit, MAX_PAGE_SIZE)
        )
        found = list(islice(pages, limit))
    session.output.items(
        found,
        [
            {
                "WORKFLOW": workflow.workflow_id,
                "STATUS": workflow.status,
                "CREATED": workflow.created_at,
                "UPDATED": workflow.updated_at,
            }
            for workflow in found
        ],
    )


def workflow(
    context: typer.Context,
    workflow_id: WorkflowId,
    is_watching: Watch = False,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Show a workflow and its tasks."""
    session = begin(context, as_json)
    with session.connect() as client:
        if is_watching:
            follow_workflow(session.output, client.watch(workflow_id, timeout_s=timeout_s))
            return
        found = client.get_workflow(workflow_id)
    if as_json:
        session.output.document(found)
        return
    session.output.say(f"Workflow {found.workflow_id} is {found.status}.")
    show_tasks(session.output, found.tasks)


def show_tasks(output: Output, shown: list[TaskView]) -> None:
    """List tasks.

    Parameters
    ----------
    output
        Where to.
    shown
        The tasks.
    """
    output.records(
        [
            {
                "TASK": task.task_id,
                "TYPE": task.task_type,
                "STATUS": task.status,
                "%": task.progress,
                "RUN": task.dag_run_id,
                "REASON": task.reason,
            }
            for task in shown
        ]
    )


def describe_start(task: TaskView | None, is_started: bool) -> str:
    """Return in a sentence what a call has started.

    Parameters
    ----------
    task
        That was started or is waited for; none if all are completed.
    is_started
        Whether this call did it.
    """
    if task is None:
        return "Nothing is left to start: all tasks are completed."
    if not is_started:
        return f"Nothing was started: {task.task_type} {task.task_id} is {task.status.lower()}."
    return f"Started {task.task_type} {task.task_id} (attempt {task.attempt})."
