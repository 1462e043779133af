"""Do one thing in a thread of its own while the caller does another, so that both are one wait."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Generic, Self, TypeVar

T = TypeVar("T")

# Kept for the next calls: a new thread takes three times as long. More than a call begins at once,
# those that begin others too, so that none waits for a thread.
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="beside")


class Beside(Generic[T]):
    """A call that has begun; whoever began it waits for it, whatever becomes of himself.

    A thread that is left behind would go on in the middle of the function's next call.

    Parameters
    ----------
    call
        It must end by itself: a `limit` around the caller is not one of this thread.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._answer = _threads.submit(copy_context().run, call)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for its end, of which nobody may want to know any more."""
        self._answer.exception()

    def wait(self) -> T:
        """Return what the call returns, or raise what it raises."""
        return self._answer.result()
