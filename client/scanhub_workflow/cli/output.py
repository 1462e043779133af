"""What a command shows: text for people, lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, object]
_STYLES = {
    "completed": "green",
    "succeeded": "green",
    "ok": "green",
    "running": "cyan",
    "in progress": "cyan",
    "warning": "yellow",
    "failed": "red",
    "cancelled": "magenta",
}


class Output:
    """Writes to standard output, and what accompanies it to standard error.

    Parameters
    ----------
    width
        Of a terminal [columns]; by default it is found out whether there is one, and its width.

    Attributes
    ----------
    is_json
        Whether standard output is for programs.
    console, errors
        Rich's consoles; they write no colour where nobody sees it.
    """

    def __init__(self, width: int | None = None) -> None:
        self.is_json = False
        is_terminal = True if width else None
        self.console = Console(highlight=False, width=width, force_terminal=is_terminal)
        self.errors = Console(stderr=True, highlight=False, width=width, force_terminal=is_terminal)

    @property
    def is_live(self) -> bool:
        """Whether there is somebody who sees a bar move."""
        # A dumb terminal moves no bar: it would say nothing until the end.
        is_moving = self.errors.is_terminal and not self.errors.is_dumb_terminal
        return is_moving and not self.is_json

    @property
    def has_log(self) -> bool:
        """Whether changes are written down: where no bar shows them, or a pipe keeps them."""
        return not (self.is_live and self.console.is_terminal)

    def say(self, text: str) -> None:
        """Tell a person what happened; programs are told by `document`."""
        if not self.is_json:
            self.line(Text(clean(text)))

    def answer(self, content: BaseModel, text: str) -> None:
        """Tell a program what the API answered, and a person what it means.

        Parameters
        ----------
        content
            The answer.
        text
            The same in a sentence.
        """
        if self.is_json:
            self.document(content)
        self.say(text)

    def items(self, content: Sequence[BaseModel], rows: Sequence[Row]) -> None:
        """Show a list: JSON to a program, `records` to a person.

        Parameters
        ----------
        content
            What the API answered.
        rows
            The same, as people read it.
        """
        if self.is_json:
            self.document(content)
        else:
            self.records(rows)

    def line(self, text: Text) -> None:
        """Write a line; a terminal breaks it between words, a pipe gets it whole."""
        self.console.print(text, soft_wrap=not self.console.is_terminal)

    def note(self, text: str) -> None:
        """Tell a person what a program need not know."""
        self.errors.print(Text(clean(text)), soft_wrap=not self.errors.is_terminal)

    def document(self, content: BaseModel | Mapping[str, Any] | Sequence[BaseModel]) -> None:
        """Write one line of JSON: what the API answered, under the API's own names.

        Parameters
        ----------
        content
            A model, a list of them, or an object.
        """
        sys.stdout.write(to_json(content))
        # Whoever follows a run by a pipe sees each change when it happens.
        sys.stdout.flush()

    def records(self, rows: Sequence[Row]) -> None:
        """Show a list: a table, or blocks where it does not fit, or lines with tabs in a pipe.

        Parameters
        ----------
        rows
            Values by column, the same columns in each.
        """
        if not rows:
            # A pipe is told nothing by nothing.
            if self.console.is_terminal:
                self.say("Nothing.")
            return
        if not self.console.is_terminal:
            for line in [list(rows[0]), *(row.values() for row in rows)]:
                sys.stdout.write("\t".join(to_text(cell) for cell in line) + "\n")
            # A pipe that nobody reads any more is noticed here, not when Python has ended.
            sys.stdout.flush()
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in rows[0]:
            table.add_column(column, no_wrap=True)
        for row in rows:
            table.add_row(*(_style(cell) for cell in row.values()))
        if self.console.measure(table, options=_unbounded(self.console)).maximum <= (
            self.console.width
        ):
            self.console.print(table)
            return
        for row in rows:
            self.record(row)
            self.console.print()

    def record(self, row: Row) -> None:
        """Show one thing, a line for each value.

        Parameters
        ----------
        row
            Values by name.
        """
        for name, value in row.items():
            self.line(Text(f"{name}: ", style="bold") + _style(value))


def clean(text: str) -> str:
    """Return text that moves no cursor: names and reasons come from elsewhere.

    Parameters
    ----------
    text
        Any text.
    """
    return "".join(char if char.isprintable() else " " for char in text)


def to_text(value: object) -> str:
    """Return a value as people read it.

    Parameters
    ----------
    value
        A number, a text, a moment (shown in local time), or nothing.
    """
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return clean(str(value))


def _style(value: object) -> Text:
    text = to_text(value)
    return Text(text, style=_STYLES.get(text.lower().replace("_", " "), ""))


def _unbounded(console: Console) -> Any:
    return console.options.update(max_width=10_000)


def to_json(content: BaseModel | Mapping[str, Any] | Sequence[BaseModel]) -> str:
    """Return a line of JSON; characters beyond ASCII are escaped, whatever the terminal takes.

    Parameters
    ----------
    content
        A model, a list of them, or an object.
    """
    if isinstance(content, BaseModel):
        plain: Any = content.model_dump(mode="json")
    elif isinstance(content, Mapping):
        plain = dict(content)
    else:
        plain = [item.model_dump(mode="json") for item in content]
    return json.dumps(plain) + "\n"
