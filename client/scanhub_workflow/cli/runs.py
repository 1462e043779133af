"""Commands on runs of DAGs."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from scanhub_workflow.cli.following import Timeout, Watch, follow_run
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.cli.workflows import MAX_PAGE_SIZE, Limit, Since
from scanhub_workflow.models import DagRunDetail, DagRunState

RunId = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]


def runs(
    context: typer.Context,
    state: Annotated[DagRunState | None, typer.Option(help="Those in this state only.")] = None,
    dag_id: Annotated[str | None, typer.Option("--dag", help="Those of this DAG only.")] = None,
    since: Since = None,
    until: Since = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """List the runs of DAGs, newest first."""
    session = begin(context, as_json)
    with session.connect() as client:
        pages = client.list_dag_runs(
            state=state,
            dag_id=dag_id,
            since=since,
            until=until,
            page_size=min(limit, MAX_PAGE_SIZE),
        )
        found = list(islice(pages, limit))
    session.output.items(
        found,
        [
            {
                "RUN": run.dag_run_id,
                "DAG": run.dag_id,
                "STATE": run.state,
                "%": run.progress,
                "CREATED": run.created_at,
                "REASON": run.reason,
            }
            for run in found
        ],
    )


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
    until: Since = None,
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
    session.output.items(
        found,
        [
            {"AT": item.at, "BYTES": item.size_bytes, "KEY": item.key, "REASON": item.reason}
            for item in found
        ],
    )


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
            "reason": run.reason,
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
    output.records(
        [
            {
                "TASK IN AIRFLOW": task.task_id,
                "STATE": task.state,
                "STARTED": task.started_at,
                "ENDED": task.ended_at,
            }
            for task in run.task_instances or []
        ]
    )
