"""``cancel`` and ``retry``."""

from __future__ import annotations

from typing import Annotated

import typer

from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.workflows import ExpectedAttempt, describe_start


def cancel(
    context: typer.Context,
    workflow_id: Annotated[
        str | None, typer.Argument(metavar="WORKFLOW", help="Id of a workflow.")
    ] = None,
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK", help="Only this task of it.")
    ] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="A run, in place of these.")] = None,
    upload_id: Annotated[
        str | None, typer.Option("--upload", help="An upload, in place of these.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a workflow, a task, a run or an upload. Runs are stopped, scanners are not."""
    session = begin(context, as_json)
    if [workflow_id, run_id, upload_id].count(None) != 2 or (
        task_id is not None and workflow_id is None
    ):
        raise typer.BadParameter("Name a workflow (and a task), or --run, or --upload.")
    with session.connect() as client:
        # An empty id, of a variable that is not set, say, is refused: it is no other thing's.
        if upload_id is not None:
            aborted = client.abort_upload(upload_id)
            session.output.answer(aborted, f"Upload {aborted.upload_id} is given up.")
        elif run_id is not None:
            run = client.cancel_dag_run(run_id)
            session.output.answer(run, run.message)
        elif workflow_id is not None and task_id is not None:
            task = client.cancel_task(workflow_id, task_id)
            session.output.answer(task, task.message)
        elif workflow_id is not None:
            workflow = client.cancel_workflow(workflow_id)
            session.output.answer(workflow, workflow.message)


def retry(
    context: typer.Context,
    workflow_id: Annotated[
        str | None, typer.Argument(metavar="WORKFLOW", help="Id of a workflow.")
    ] = None,
    task_id: Annotated[
        str | None, typer.Argument(metavar="TASK", help="A task of it that has ended.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="A run of an upload, in place of these.")
    ] = None,
    expected_attempt: ExpectedAttempt = None,
    as_json: AsJson = False,
) -> None:
    """Begin the next attempt at a task. It may be a scan: the scanner starts. Or at a run."""
    session = begin(context, as_json)
    if bool(run_id) == bool(workflow_id) or bool(workflow_id) != bool(task_id):
        raise typer.BadParameter("Name a workflow and a task, or --run.")
    with session.connect() as client:
        if run_id:
            run = client.retry_dag_run(run_id)
            session.output.answer(run, f"Run {run.dag_run_id} is {run.state.lower()}.")
        elif workflow_id and task_id:
            retried = client.retry_task(workflow_id, task_id, expected_attempt=expected_attempt)
            session.output.answer(retried, describe_start(retried.task, is_started=True))
