"""Ask several services at the same time, and wait no longer than for all of them together."""

import time
from collections.abc import Callable, Hashable, Iterable
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from workflow_manager.deadline import limit
from workflow_manager.domain.errors import ScanHubError, UpstreamError
from workflow_manager.observability import log_unexpected

KeyT = TypeVar("KeyT", bound=Hashable)
# Of questions, by key, each asked when the one before it is answered.
Line = list[tuple[KeyT, Callable[[], object]]]


def ask_side_by_side(lines: Iterable[Line[KeyT]], total_s: float) -> dict[KeyT, object]:
    """Return what was answered in time: a value, or the `ScanHubError` that was raised.

    A line that hangs keeps nobody waiting: its sockets end by then, and whatever it answers later
    is dropped. So a question must change nothing.

    Parameters
    ----------
    lines
        Each has a thread of its own; its ports have been built.
    total_s
        For all together [s].
    """
    said: SimpleQueue[tuple[KeyT, object]] = SimpleQueue()
    ends_at_s = time.monotonic() + total_s
    n_left = 0
    for line in lines:
        n_left += len(line)
        # Daemons, for the end of a process does not wait for them.
        # What is known of the call is known to its threads, too.
        run, asked = copy_context().run, (_ask, line, ends_at_s, said)
        Thread(target=run, args=asked, daemon=True).start()
    answers: dict[KeyT, object] = {}
    while len(answers) < n_left:
        try:
            key, answer = said.get(timeout=max(0.0, ends_at_s - time.monotonic()))
        except Empty:
            break
        answers[key] = answer
    return answers


def _ask(line: Line[KeyT], ends_at_s: float, said: "SimpleQueue[tuple[KeyT, object]]") -> None:
    for key, question in line:
        if (left_s := ends_at_s - time.monotonic()) <= 0:
            return
        try:
            # The limit around the call is that of its thread.
            with limit(left_s):
                answer = question()
        except ScanHubError as error:
            answer = error
        except Exception as error:  # noqa: BLE001 - one that breaks says no more than one that hangs
            log_unexpected(error)
            answer = UpstreamError("An unexpected error.")
        said.put((key, answer))
