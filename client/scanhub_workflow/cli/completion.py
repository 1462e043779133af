"""What the shell offers after Tab: names of DAGs, and ids; nothing where the API is not there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import typer

from scanhub_workflow.cli.session import Session
from scanhub_workflow.client import Client
from scanhub_workflow.retry import Retry

# Somebody waits with a finger on the key.
TOTAL_S = 2.0
N_NEWEST = 30
# zsh evaluates what it is offered, and all shells put it on the line that Enter runs.
_HARMLESS = re.compile(r"\w[\w.:@+-]{0,249}")

Offers = Iterable[tuple[str, str]]


def complete_dag(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the DAGs."""
    return _offer(context, incomplete, _list_dags)


def complete_workflow(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest workflows."""
    return _offer(context, incomplete, _list_workflows)


def complete_run(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest runs."""
    return _offer(context, incomplete, _list_runs)


def complete_task(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the tasks of the workflow that stands before it."""
    workflow_id = str(context.params.get("workflow_id") or "")
    return _offer(context, incomplete, lambda client: _list_tasks(client, workflow_id))


def complete_upload(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the caller's newest open uploads."""
    return _offer(context, incomplete, _list_uploads)


def _offer(
    context: typer.Context, incomplete: str, ask: Callable[[Client], Offers]
) -> list[tuple[str, str]]:
    session = context.find_root().obj or Session()
    found: list[tuple[str, str]] = []

    def find() -> None:
        # Whatever goes wrong: a message would stand in the middle of the line that is typed.
        with suppress(Exception), replace(session, retry=Retry(n_attempts=1)).connect() as client:
            found.extend(ask(client))

    # A thread of its own: the name of a host is looked up without a bound.
    asking = threading.Thread(target=find, daemon=True)
    asking.start()
    asking.join(TOTAL_S)
    return [
        (value, told if _HARMLESS.fullmatch(told) else "")
        for value, told in list(found)
        if value.startswith(incomplete) and _HARMLESS.fullmatch(value)
    ]


def _list_dags(client: Client) -> Offers:
    dags = client.list_available_tasks().tasks.dags
    return [(dag.dag_id, "paused" if dag.is_paused else "") for dag in dags]


def _list_workflows(client: Client) -> Offers:
    newest = islice(client.list_workflows(page_size=N_NEWEST), N_NEWEST)
    return [(each.workflow_id, each.status) for each in newest]


def _list_runs(client: Client) -> Offers:
    newest = islice(client.list_dag_runs(page_size=N_NEWEST), N_NEWEST)
    return [(each.dag_run_id, each.dag_id) for each in newest]


def _list_uploads(client: Client) -> Offers:
    newest = islice(client.list_uploads(page_size=N_NEWEST), N_NEWEST)
    return [(each.upload_id, each.dag_id or each.task_id or "") for each in newest]


def _list_tasks(client: Client, workflow_id: str) -> Offers:
    return [(each.task_id, each.status) for each in client.get_workflow(workflow_id).tasks]
