"""``cancel`` and ``retry``."""

from __future__ import annotations

from typing import Annotated

import typer

from scanhub_workflow.cli.completion import complete_upload
from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.options import ExpectedAttempt, SomeRunId, SomeTaskId, SomeWorkflowId
from scanhub_workflow.cli.output import Output, to_text
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.words import NAME, name_tasks, read, tell
from scanhub_workflow.cli.workflows import describe_start
from scanhub_workflow.client import Client
from scanhub_workflow.errors import ConflictError
from scanhub_workflow.models import DagRunState, DagRunView


def cancel(
    context: typer.Context,
    workflow_id: SomeWorkflowId = None,
    task_id: SomeTaskId = None,
    run_id: SomeRunId = None,
    upload_id: Annotated[
        str | None,
        typer.Option(
            "--upload", help="An upload, in place of these.", autocompletion=complete_upload
        ),
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
    workflow_id: SomeWorkflowId = None,
    task_id: SomeTaskId = None,
    run_id: SomeRunId = None,
    expected_attempt: ExpectedAttempt = None,
    as_json: AsJson = False,
) -> None:
    """Begin the next attempt at all that has failed of a workflow, at a task, or at a run.

    A task may be a scan: the scanner starts. Of a whole workflow, no scan is started.
    """
    session = begin(context, as_json)
    if [workflow_id, run_id].count(None) != 1 or (task_id is not None and run_id is not None):
        raise typer.BadParameter("Name a workflow (and a task), or --run.")
    if task_id is None and expected_attempt is not None:
        raise typer.BadParameter("--expected-attempt is that of a task: name one.")
    with session.connect() as client:
        if run_id is not None:
            _retry_run(session.output, client, run_id)
        elif workflow_id is not None and task_id is not None:
            retried = client.retry_task(workflow_id, task_id, expected_attempt=expected_attempt)
            session.output.answer(retried, describe_start(retried.task, is_started=True))
        elif workflow_id is not None:
            _retry_workflow(session.output, client, workflow_id)


def _retry_workflow(output: Output, client: Client, workflow_id: str) -> None:
    retried = client.retry_workflow(workflow_id)
    if output.is_json:
        output.document(retried)
    names = name_tasks(retried.tasks)
    for task_id in retried.started:
        output.say(f"Started {to_text(names.get(task_id, task_id))} again ({task_id}).")
    for left in retried.not_started:
        what = f"{names.get(left.task_id, left.task_id)} ({left.task_id})"
        output.say(f"Not started: {to_text(what)}. {to_text(tell(left.reason))}")
    if retried.not_started and not retried.started:
        raise typer.Exit(ExitCode.REFUSED)
    if not retried.started:
        output.say("Nothing of it has failed: nothing was started.")


def _retry_run(output: Output, client: Client, run_id: str) -> None:
    found = client.get_dag_run(run_id, task_instances=False)
    if found.workflow_id is None or found.task_id is None:
        run = client.retry_dag_run(run_id)
        output.answer(run, _describe_run(run))
        return
    if found.state not in (DagRunState.FAILED, DagRunState.CANCELLED):
        # A retry of its task would make again what has succeeded.
        raise ConflictError(409, f"The run is {found.state}: there is nothing to retry.")
    # Its attempt is that of its task: what came after it is not repeated.
    retried = client.retry_task(found.workflow_id, found.task_id, expected_attempt=found.attempt)
    output.answer(retried, describe_start(retried.task, is_started=True))


def _describe_run(run: DagRunView) -> str:
    started = f"Started run {run.dag_run_id} (attempt {run.attempt}): it is {read(run.state)}."
    return f"{started} Follow it: {NAME} run {run.dag_run_id} --watch"
