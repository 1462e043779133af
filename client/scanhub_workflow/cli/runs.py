"""Commands on runs of DAGs."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from scanhub_workflow.cli.following import Timeout, Watch, follow_run
from scanhub_workflow.cli.options import (
    MAX_PAGE_SIZE,
    Limit,
    OfDag,
    OfWorkflow,
    RunId,
    Since,
    Until,
)
from scanhub_workflow.cli.output import Columns, Output
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.words import tell
from scanhub_workflow.models import (
    DagRunDetail,
    DagRunState,
    DagRunView,
    RejectedObjectView,
    ResultView,
    TaskInstanceView,
)

RUN_COLUMNS: Columns[DagRunView] = {
    "RUN": lambda run: run.dag_run_id,
    "DAG": lambda run: run.dag_id,
    "STATE": lambda run: run.state,
    "%": lambda run: run.progress,
    "CREATED": lambda run: run.created_at,
    "FINISHED": lambda run: run.finished_at,
    "WORKFLOW": lambda run: run.workflow_id,
    "REASON": lambda run: tell(run.reason),
}
REJECTED_COLUMNS: Columns[RejectedObjectView] = {
    "AT": lambda item: item.at,
    "BYTES": lambda item: item.size_bytes,
    "KEY": lambda item: item.key,
    "REASON": lambda item: tell(item.reason),
}
# Without their URLs: whoever sees one over your shoulder can read the file.
RESULT_COLUMNS: Columns[ResultView] = {
    "KEY": lambda result: result.key,
    "TYPE": lambda result: result.type,
    "BYTES": lambda result: result.size_bytes,
    "PREVIEW": lambda result: result.preview_key,
    "REASON": lambda result: tell(result.unavailable_reason),
}
INSTANCE_COLUMNS: Columns[TaskInstanceView] = {
    "TASK IN AIRFLOW": lambda task: task.task_id,
    "STATE": lambda task: task.state,
    "STARTED": lambda task: task.started_at,
    "ENDED": lambda task: task.ended_at,
}


def runs(
    context: typer.Context,
    state: Annotated[DagRunState | None, typer.Option(help="Those in this state only.")] = None,
    dag_id: OfDag = None,
    workflow_id: OfWorkflow = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs of DAGs, newest first."""
    session = begin(context, as_json)
    with session.connect() as client:
        pages = client.list_dag_runs(
            state=state,
            dag_id=dag_id,
            workflow_id=workflow_id,
            since=since,
            until=until,
            page_size=min(limit, MAX_PAGE_SIZE),
        )
        found = list(islice(pages, limit))
    session.output.items(found, RUN_COLUMNS)


def run(
    context: typer.Context,
    run_id: RunId,
    is_watching: Watch = False,
    timeout_s: Timeout = None,
    as_json: AsJson = False,
) -> None:
    """Show a run, with its tasks in Airflow."""
    session = begin(context, as_json)
    with session.connect() as client:
        if is_watching:
            follow_run(session.output, client.watch_dag_run(run_id, timeout_s=timeout_s))
            return
        found = client.get_dag_run(run_id)
    if as_json:
        session.output.document(found)
        return
    show_run(session.output, found)


def rejected(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List what came into the data lake and fits nothing, newest first."""
    session = begin(context, as_json)
    with session.connect() as client:
        pages = client.list_rejected_objects(
            since=since, until=until, page_size=min(limit, MAX_PAGE_SIZE)
        )
        found = list(islice(pages, limit))
    session.output.items(found, REJECTED_COLUMNS)


def results(context: typer.Context, run_id: RunId, as_json: AsJson = False) -> None:
    """List the files of a run, without downloading them."""
    session = begin(context, as_json)
    with session.connect() as client:
        found = list(client.list_results(run_id, page_size=MAX_PAGE_SIZE))
        session.output.items(found, RESULT_COLUMNS)
        if found or as_json:
            return
        state = client.get_dag_run(run_id, task_instances=False).state
    if state in (DagRunState.PENDING, DagRunState.RUNNING):
        session.output.note(f"The run is {state}: its files are there once it has succeeded.")
    elif state is not DagRunState.SUCCEEDED:
        session.output.note(f"The run is {state}: it has no files.")


def show_run(output: Output, run: DagRunDetail) -> None:
    """Show a run.

    Parameters
    ----------
    output
        Where to.
    run
        The run.
    """
    output.record(
        {
            "run": run.dag_run_id,
            "DAG": run.dag_id,
            "state": run.state,
            "progress": f"{run.progress} %",
            "reason": tell(run.reason),
            "workflow": run.workflow_id,
            "task": run.task_id,
            "attempt": run.attempt,
            "created": run.created_at,
            "started": run.started_at,
            "finished": run.finished_at,
            "results": len(run.results),
            "Airflow": run.airflow_url,
        }
    )
    if run.task_instances:
        output.table(run.task_instances, INSTANCE_COLUMNS)
