"""Run a stranger's program: what it reads, writes, says, takes and leaves behind has an end."""

from __future__ import annotations

import os
import re
import selectors
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from scanhub_pipe.command import Command
from scanhub_pipe.errors import EngineError
from scanhub_pipe.group import end, start
from scanhub_pipe.log import EngineLog

_PIECE_BYTES = 2**16
_LOOK_S = 0.05  # between looks at whether the program still runs
# Whoever holds the program's output open after its end is not waited for; a program that writes
# nonsense may be about to fail with an exit code that says more.
_GRACE_S, _FAILING_S = 5.0, 1.0
_NO_MEMORY = re.compile(r"memory|bad_alloc", re.IGNORECASE)
_MIB = 2**20


class EngineProcess:
    """The program, running until the block around it is left.

    One thread feeds its input, takes its output and logs what it says, so that none of the three
    waits for another.

    Parameters
    ----------
    command
        The program.
    messages
        What it reads.
    folder
        Its own: where it runs, its home, and where it puts temporary files.
    max_bytes
        How much it may write.

    Raises
    ------
    EngineError
        If the program cannot be started.
    """

    def __init__(
        self, command: Command, messages: Iterator[bytes], folder: Path, max_bytes: int
    ) -> None:
        self._command = command
        self._messages = messages
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._output = bytearray()
        self._pending = memoryview(b"")
        self._log = EngineLog()
        self._is_input_refused = False
        self._ended_at_s: float | None = None
        self._ends_at_s = time.monotonic() + command.timeout_s
        self._process = start(command, folder)
        try:
            self._selector = selectors.DefaultSelector()
            self._input = self._watch(self._process.stdin, selectors.EVENT_WRITE, self._feed)
            self._outlet = self._watch(self._process.stdout, selectors.EVENT_READ, self._take)
            self._errors = self._watch(self._process.stderr, selectors.EVENT_READ, self._listen)
        except BaseException:  # Airflow may end the task at any time
            end(self._process)
            raise

    def _watch(self, pipe: IO[bytes] | None, event: int, serve: Callable[[], None]) -> IO[bytes]:
        assert pipe is not None  # noqa: S101 - all three are pipes
        os.set_blocking(pipe.fileno(), False)
        self._selector.register(pipe, event, serve)
        return pipe

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the program and all that it started."""
        try:
            end(self._process)
        finally:
            self._log.close()
            self._selector.close()
            for pipe in (self._input, self._outlet, self._errors):
                pipe.close()

    def read(self, n_bytes: int) -> bytes:
        """Return so many bytes of the output, fewer where it ends.

        Parameters
        ----------
        n_bytes
            Held in memory.

        Raises
        ------
        EngineError
            If the program writes too much, or takes too long.
        """
        while len(self._output) < n_bytes and not self._outlet.closed:
            self._serve()
        data = bytes(self._output[:n_bytes])
        del self._output[:n_bytes]
        return data

    def wait(self) -> None:
        """Wait until the program has ended well, having read everything.

        Raises
        ------
        EngineError
            If it has not: with its exit code or signal, for one.
        """
        while self._process.poll() is None or not self._errors.closed:
            self._output.clear()  # a full pipe would keep the program from its end
            self._serve()
        self._check_end()
        if not self._input.closed:  # perhaps there was nothing left to read
            self._feed()
        if self._is_input_refused:
            raise EngineError(
                "The reconstruction engine stopped reading before the end of the measurement."
            )

    def explain(self) -> None:
        """Raise why the program has failed, if it has, or does at once.

        Raises
        ------
        EngineError
            With its exit code or signal.
        """
        ends_at_s = time.monotonic() + _FAILING_S
        while time.monotonic() < ends_at_s and (
            self._process.poll() is None or not self._errors.closed
        ):
            self._output.clear()
            self._serve()
        self._check_end()

    def _check_end(self) -> None:
        code = self._process.poll()
        if not code:
            return
        limit_bytes = self._command.memory_bytes
        if limit_bytes is not None and _NO_MEMORY.search(self._log.last_words):
            raise EngineError(
                f"The reconstruction engine needs more memory than the {limit_bytes // _MIB} MiB "
                "that it may take."
            )
        # A shell tells the signal that ended its program by 128 and its number.
        number = -code if code < 0 else code - 128
        if code < 0 or number == signal.SIGKILL:
            raise EngineError(
                f"The reconstruction engine was ended by signal {number}"
                f"{', as when memory runs out' if number == signal.SIGKILL else ''}."
            )
        raise EngineError(f"The reconstruction engine failed with exit code {code}.")

    def _serve(self) -> None:
        """Wait a moment for the program, and serve the pipes that are ready."""
        left_s = self._ends_at_s - time.monotonic()
        if left_s <= 0:
            raise EngineError(
                f"The reconstruction engine took longer than {self._command.timeout_s:g} s."
            )
        has_ended = self._process.poll() is not None
        ready = self._selector.select(min(left_s, _LOOK_S))
        for key, _ in ready:
            key.data()
        if not has_ended:
            return
        self._ended_at_s = self._ended_at_s or time.monotonic()
        is_silent = not any(key.fileobj is not self._input for key, _ in ready)
        if is_silent or time.monotonic() - self._ended_at_s > _GRACE_S:
            self._close(self._outlet)
            self._close(self._errors)

    def _feed(self) -> None:
        try:
            if not self._pending:
                self._pending = memoryview(next(self._messages, b""))
            if self._pending:
                n_written = os.write(self._input.fileno(), self._pending[:_PIECE_BYTES])
                self._pending = self._pending[n_written:]
                return
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._is_input_refused = True
        self._close(self._input)

    def _take(self) -> None:
        data = self._receive(self._outlet)
        self._output += data
        self._n_bytes += len(data)
        if self._n_bytes > self._max_bytes:
            raise EngineError(
                f"The reconstruction engine wrote more than {self._max_bytes / _MIB:.1f} MiB, "
                "which its images cannot have."
            )

    def _listen(self) -> None:
        self._log.write(self._receive(self._errors))

    def _receive(self, pipe: IO[bytes]) -> bytes:
        try:
            data = os.read(pipe.fileno(), _PIECE_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            self._close(pipe)
        return data

    def _close(self, pipe: IO[bytes]) -> None:
        if not pipe.closed:
            self._selector.unregister(pipe)
            pipe.close()
