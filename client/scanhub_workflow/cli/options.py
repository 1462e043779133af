"""Arguments and options that several commands have."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated

import typer

from scanhub_workflow.cli.completion import (
    complete_dag,
    complete_run,
    complete_task,
    complete_workflow,
)

MAX_PAGE_SIZE = 100
_FORM = "A date or a moment (ISO 8601), in local time unless it says otherwise"


def parse_since(text: str) -> datetime:
    """Return when a period begins.

    Parameters
    ----------
    text
        As it was typed: a date is its beginning.

    Raises
    ------
    typer.BadParameter
        It is no date and no moment.
    """
    return _parse(text, time.min)


def parse_until(text: str) -> datetime:
    """Return when a period ends.

    Parameters
    ----------
    text
        As it was typed: a date is its end.

    Raises
    ------
    typer.BadParameter
        It is no date and no moment.
    """
    return _parse(text, time.max)


def _parse(text: str, time_of_day: time) -> datetime:
    try:
        try:
            at = datetime.combine(date.fromisoformat(text), time_of_day)
        except ValueError:
            at = datetime.fromisoformat(text)
        # Without a zone it is this computer's.
        return at.astimezone()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(f"{_FORM}, as 2026-11-26 or 2026-11-26T20:00.") from None


WorkflowId = Annotated[
    str,
    typer.Argument(
        metavar="WORKFLOW", help="Id of the workflow.", autocompletion=complete_workflow
    ),
]
SomeWorkflowId = Annotated[
    str | None,
    typer.Argument(metavar="WORKFLOW", help="Id of a workflow.", autocompletion=complete_workflow),
]
SomeTaskId = Annotated[
    str | None,
    typer.Argument(metavar="TASK", help="Only this task of it.", autocompletion=complete_task),
]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="Id of the run.", autocompletion=complete_run)
]
SomeRunId = Annotated[
    str | None,
    typer.Option("--run", help="A run, in place of these.", autocompletion=complete_run),
]
OfWorkflow = Annotated[
    str | None,
    typer.Option(
        "--workflow", help="Those of this workflow only.", autocompletion=complete_workflow
    ),
]
OfDag = Annotated[
    str | None,
    typer.Option("--dag", help="Those of this DAG only.", autocompletion=complete_dag),
]
Since = Annotated[
    datetime | None, typer.Option(parser=parse_since, metavar="WHEN", help=f"{_FORM}.")
]
Until = Annotated[
    datetime | None,
    typer.Option(parser=parse_until, metavar="WHEN", help="The same; a date to its end."),
]
Limit = Annotated[int, typer.Option(min=1, help="How many at most.")]
ExpectedAttempt = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Its attempt as you know it, 0 before the first: no other is begun.",
    ),
]
