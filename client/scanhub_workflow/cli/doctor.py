"""``doctor``: find out why it does not work."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from scanhub_workflow.cli.exit_codes import ExitCode
from scanhub_workflow.cli.output import Output
from scanhub_workflow.cli.session import AsJson, begin
from scanhub_workflow.doctor import Check, Expectation, Outcome, conclude, examine

_MARKS = {
    Outcome.OK: ("ok", "green"),
    Outcome.WARNING: ("warning", "yellow"),
    Outcome.FAILED: ("failed", "red"),
    Outcome.SKIPPED: ("skipped", "dim"),
}


def doctor(
    context: typer.Context,
    web_origin: Annotated[
        str | None, typer.Option(help="Origin of the web page, as in the parameter WebOrigin.")
    ] = None,
    is_token_optional: Annotated[
        bool, typer.Option("--token-optional", help="Without a token, check what needs none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check URL, token, clock, API, Airflow and storage, and say what to do."""
    session = begin(context, as_json)
    settings = session.settings.find()
    checks: list[Check] = []
    found = examine(
        settings.url,
        settings.token.get_secret_value() or None,
        Expectation(web_origin, has_token=not is_token_optional),
        transport=session.transport,
        storage_transport=session.storage_transport,
    )
    for check in found:
        checks.append(check)
        if not as_json:
            _show(session.output, check)
    conclusion = conclude(checks)
    if as_json:
        documents = [asdict(check) for check in checks]
        session.output.document({"checks": documents, "conclusion": conclusion})
    else:
        session.output.say(conclusion)
    if any(check.outcome is Outcome.FAILED for check in checks):
        raise typer.Exit(ExitCode.FAILED)


def _show(output: Output, check: Check) -> None:
    word, style = _MARKS[check.outcome]
    said = Text.assemble((f"{check.name}: ", "bold"), check.detail)
    if not output.console.is_terminal:
        output.say("\t".join(filter(None, [word, said.plain, check.advice])))
        return
    if check.advice:
        said.append(f"\n{check.advice}", style="italic")
    # Each column breaks its own lines.
    columns = Table.grid(padding=(0, 1))
    columns.add_column(width=max(len(each) for each, _ in _MARKS.values()))
    columns.add_column()
    columns.add_row(Text(word, style=style), said)
    output.console.print(columns)
