"""Do one thing in a thread of its own while the caller does another, so that both are one wait."""

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """A call that has begun; whoever began it waits for it, whatever becomes of himself.

    A thread that is left behind would go on in the middle of the function's next call.

    Parameters
    ----------
    call
        It must end by itself: a `limit` around the caller is not one of this thread.
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="beside")
        self._answer: T | None = None
        self._error: BaseException | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._error = error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for its end, of which nobody may want to know any more."""
        self._thread.join()

    def wait(self) -> T:
        """Return what the call returns, or raise what it raises."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        # What the call returns may be None.
        return self._answer  # type: ignore[return-value]
