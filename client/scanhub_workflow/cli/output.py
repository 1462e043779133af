"""What a command shows: text for people, lines for pipes, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanhub_workflow.cli.words import reword

ItemT = TypeVar("ItemT")
ModelT = TypeVar("ModelT", bound=BaseModel)
# What stands in a column, by its header.
Columns = Mapping[str, Callable[[ItemT], object]]
# More of one text nobody reads; programs are given all of it.
MAX_CELL_LENGTH = 1_000
MAX_NOTE_LENGTH = 4_000
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
        """Tell a person in a sentence what happened; programs are told by `document`."""
        if not self.is_json:
            self.line(Text(clean(reword(text))))

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

    def items(self, content: Sequence[ModelT], columns: Columns[ModelT]) -> None:
        """Show a list: JSON to a program, `table` to a person.

        Parameters
        ----------
        content
            What the API answered.
        columns
            What people see of it.
        """
        if self.is_json:
            self.document(content)
        else:
            self.table(content, columns)

    def line(self, text: Text) -> None:
        """Write a line; a terminal breaks it between words, a pipe gets it whole."""
        self.console.print(text, soft_wrap=not self.console.is_terminal)

    def note(self, text: str) -> None:
        """Tell a person what a program need not know."""
        shown = Text(shorten(clean(reword(text)), MAX_NOTE_LENGTH))
        self.errors.print(shown, soft_wrap=not self.errors.is_terminal)

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

    def table(self, items: Sequence[ItemT], columns: Columns[ItemT]) -> None:
        """Show a list: a table, or blocks where it does not fit, or lines with tabs in a pipe.

        Parameters
        ----------
        items
            What is listed.
        columns
            Headers, which an empty list has too, and what stands below them.
        """
        rows: list[list[object]] = [[read(item) for read in columns.values()] for item in items]
        if not self.console.is_terminal:
            for line in (list[object](columns), *rows):
                sys.stdout.write("\t".join(to_text(cell) for cell in line) + "\n")
            # A pipe that nobody reads any more is noticed here, not when Python has ended.
            sys.stdout.flush()
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, no_wrap=True)
        for row in rows:
            table.add_row(*(_style(cell) for cell in row))
        width = self.console.measure(table, options=_unbounded(self.console)).maximum
        if width <= self.console.width:
            self.console.print(table)
        else:
            for row in rows:
                self.record(dict(zip(columns, row, strict=True)))
                self.console.print()
        if not rows:
            self.say("Nothing.")

    def record(self, row: Mapping[str, object]) -> None:
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


def shorten(text: str, max_length: int) -> str:
    """Return a text that is not longer than it may be.

    Parameters
    ----------
    text
        Any text.
    max_length
        Its characters, with the mark of what is left out.
    """
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def to_text(value: object) -> str:
    """Return a value as people read it, on one line.

    Parameters
    ----------
    value
        A number, a text, a moment (shown in local time, with its zone), or nothing.
    """
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().isoformat(sep=" ", timespec="seconds")
    return shorten(clean(str(value)), MAX_CELL_LENGTH)


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
