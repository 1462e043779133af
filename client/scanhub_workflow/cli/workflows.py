"""Commands on workflows and their tasks."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from scanhub_workflow.cli.following import Timeout, Watch, follow_workflow
from scanhub_workflow.cli.options import (
    MAX_PAGE_SIZE,
    ExpectedAttempt,
    Limit,
    Since,
    Until,
    WorkflowId,
)
from scanhub_workflow.cli.output import Columns, Output
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.validating import show_problems
from scanhub_workflow.cli.words import explain, name_tasks, read
from scanhub_workflow.errors import ConflictError, InvalidInputError
from scanhub_workflow.models import (
    Dag,
    TaskView,
    WorkflowStatus,
    WorkflowSummary,
    WorkflowView,
)

DAG_COLUMNS: Columns[Dag] = {
    "DAG": lambda dag: dag.dag_id,
    "NAME": lambda dag: dag.dag_display_name,
    "STATE": lambda dag: "paused" if dag.is_paused else "broken" if dag.has_import_errors else "ok",
    "TAGS": lambda dag: " ".join(dag.tags),
}
WORKFLOW_COLUMNS: Columns[WorkflowSummary] = {
    "WORKFLOW": lambda workflow: workflow.workflow_id,
    "STATUS": lambda workflow: workflow.status,
    "CREATED": lambda workflow: workflow.created_at,
    "UPDATED": lambda workflow: workflow.updated_at,
}


def tasks(context: typer.Context, as_json: AsJson = False) -> None:
    """List the DAGs that a task can name, or an upload can be for."""
    session = begin(context, as_json)
    with session.connect() as client:
        available = client.list_available_tasks()
    if as_json:
        session.output.document(available.tasks)
        return
    session.output.table(available.tasks.dags, DAG_COLUMNS)
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
        try:
            processed = client.process_workflow(workflow_id, auto_advance=is_advancing)
        except (ConflictError, InvalidInputError) as error:
            show_problems(session.output, client, workflow_id, known=str(error))
            raise
        if not is_watching:
            started = describe_start(processed.task, processed.is_started)
            session.output.answer(processed, started)
        show_problems(session.output, client, workflow_id, not_checked=processed.not_checked)
        if is_watching:
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
    until: Until = None,
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
    session.output.items(found, WORKFLOW_COLUMNS)


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
    show_tasks(session.output, found)


def show_tasks(output: Output, workflow: WorkflowView) -> None:
    """List the tasks of a workflow.

    Parameters
    ----------
    output
        Where to.
    workflow
        The workflow.
    """
    names = name_tasks(workflow.tasks)
    output.table(
        workflow.tasks,
        {
            "TASK": lambda task: task.task_id,
            "NAME": lambda task: names[task.task_id],
            "STATUS": lambda task: task.status,
            "%": lambda task: task.progress,
            "STARTED": lambda task: task.started_at,
            "FINISHED": lambda task: task.finished_at,
            "UPDATED": lambda task: task.updated_at,
            "RUN": lambda task: task.dag_run_id,
            "REASON": lambda task: explain(task, workflow),
        },
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
        return f"Nothing was started: {read(task.task_type)} {task.task_id} is {read(task.status)}."
    return f"Started {read(task.task_type)} {task.task_id} (attempt {task.attempt})."
