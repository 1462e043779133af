"""A program at its own terminal, and what a person would see there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from signal import SIGKILL
from types import TracebackType

import pexpect
import pyte
from pyte.screens import Char
from rich.style import Style
from rich.text import Text

TERM = "xterm-256color"
TIMEOUT_S = 20.0
_CHUNK_SIZE_BYTES = 65_536
_HISTORY = 2_000
# Colours that pyte and rich name differently.
_COLORS = {"brown": "yellow", "brightbrown": "bright_yellow", "bfightmagenta": "bright_magenta"}


class ScreenError(Exception):
    """The screen has not shown what was expected; the text holds what it shows."""


class Terminal:
    """A program under a pseudo-terminal, which controls it.

    Parameters
    ----------
    environ
        All variables of the program.

    Attributes
    ----------
    output
        All text that the program has written so far, with escape sequences.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        folder: Path | None = None,
        rows: int = 24,
        columns: int = 80,
    ) -> None:
        self.output = b""
        self._screen = pyte.HistoryScreen(columns, rows, history=_HISTORY)
        self._stream = pyte.ByteStream(self._screen)
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            command[0],
            list(command[1:]),
            env={**environ, "TERM": TERM},
            cwd=folder,
            dimensions=(rows, columns),
        )
        # pexpect waits by default, for programs that are not ready when they ask.
        self._child.delaybeforesend = None
        self._child.ptyproc.delayafterclose = 0  # type: ignore[attr-defined]  # not in the stubs

    @property
    def lines(self) -> list[str]:
        """Return the lines, also those that have scrolled off, without trailing blanks."""
        shown = ["".join(char.data for char in row).rstrip() for row in self._rows]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def styled_lines(self) -> list[Text]:
        """Return the same lines with colours."""
        return [_to_text(row) for row in self._rows[: len(self.lines)]]

    @property
    def is_cursor_visible(self) -> bool:
        """Whether the cursor is shown."""
        return not self._screen.cursor.hidden

    def wait_until(
        self, is_seen: Callable[[list[str]], bool], timeout_s: float = TIMEOUT_S
    ) -> None:
        """Return as soon as `is_seen` finds in the lines of the screen what it looks for.

        Raises
        ------
        ScreenError
            The program has ended, or `timeout_s` has passed.
        """
        until_s = time.monotonic() + timeout_s
        while not is_seen(self.lines):
            if not self._read(until_s - time.monotonic()):
                raise self._make_error("The program has ended before")
            if time.monotonic() > until_s:
                raise self._make_error(f"Not seen in {timeout_s:g} s")

    def wait_for(self, text: str, timeout_s: float = TIMEOUT_S) -> None:
        """Return as soon as a line on the screen holds a text; else raise as `wait_until` does."""
        self.wait_until(lambda lines: any(text in line for line in lines), timeout_s)

    def press(self, key: str) -> None:
        """Press keys: ``c-c`` for Ctrl and C, or any text."""
        if key.startswith("c-") and len(key) == 3:
            self._child.sendcontrol(key[2])
        else:
            self._child.send(key)

    def kill(self, number: int = SIGKILL) -> None:
        """Send a signal; by default SIGKILL, after which nothing of the program runs any more."""
        self._child.kill(number)

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for the program's end; return its exit status, or -n for signal n.

        Raises
        ------
        ScreenError
            It has not ended in `timeout_s`.
        """
        until_s = time.monotonic() + timeout_s
        while self._read(until_s - time.monotonic()):
            if time.monotonic() > until_s:
                raise self._make_error(f"The program has not ended in {timeout_s:g} s")
        self._child.wait()
        if self._child.signalstatus is not None:
            return -self._child.signalstatus
        return self._child.exitstatus or 0

    def close(self) -> None:
        """End the program if it still runs, and close the terminal."""
        self._child.close(force=True)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, timeout_s: float) -> bool:
        """Read what is there; return whether more may come."""
        try:
            chunk = self._child.read_nonblocking(_CHUNK_SIZE_BYTES, max(timeout_s, 0))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.output += chunk
        self._stream.feed(chunk)
        return True

    @property
    def _rows(self) -> list[list[Char]]:
        screen = self._screen
        rows = [*screen.history.top, *(screen.buffer[y] for y in range(screen.lines))]
        return [[row[x] for x in range(screen.columns)] for row in rows]

    def _make_error(self, what: str) -> ScreenError:
        return ScreenError("\n".join([f"{what}. The screen:", *self.lines]))


def _to_text(row: list[Char]) -> Text:
    line = Text()
    for style, chars in groupby(row, key=_to_style):
        line.append("".join(char.data for char in chars), style)
    line.rstrip()
    return line


def _to_style(char: Char) -> Style:
    return Style(
        color=_to_color(char.fg),
        bgcolor=_to_color(char.bg),
        bold=char.bold,
        italic=char.italics,
        underline=char.underscore,
        strike=char.strikethrough,
        reverse=char.reverse,
    )


def _to_color(name: str) -> str:
    if name in _COLORS:
        return _COLORS[name]
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    return name.replace("bright", "bright_")
