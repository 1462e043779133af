"""Transfers at work: a few at once, each of which ends with a word on its item."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from scanhub_workflow import errors
from scanhub_workflow.at_once import StoppedError
from scanhub_workflow.bridge.items import Items, State
from scanhub_workflow.bridge.reasons import NotYetError, explain

STOP_TIMEOUT_S = 5.0
Tell = Callable[[str], None]
Clock = Callable[[], float]


class Transfers:
    """A few threads, and what they are at.

    Parameters
    ----------
    n_at_once
        How many there are for each direction: hours of raw data must not hold up images.
    items
        What each of them is about.
    tell
        Writes a line of the log.
    now
        The time [s since 1970].
    """

    def __init__(self, n_at_once: int, items: Items, tell: Tell, now: Clock) -> None:
        self.stop = threading.Event()
        # Whether one has found that the token has ended.
        self.is_login_over = False
        self._pools = {
            direction: ThreadPoolExecutor(n_at_once, thread_name_prefix=f"bridge-{direction}")
            for direction in ("up", "down")
        }
        self._running: dict[str, Future[None]] = {}
        self._items = items
        self._tell = tell
        self._now = now

    def is_running(self, key: str) -> bool:
        """Tell whether an item is under way, or waits for a thread."""
        return key in self._running

    def begin(self, key: str, carry: Callable[[], str]) -> None:
        """Let a thread carry something when one is free.

        Parameters
        ----------
        key
            Of the item.
        carry
            Does it, and returns a line of the log.
        """
        if key not in self._running:
            pool = self._pools[key.partition(" ")[0]]
            self._running[key] = pool.submit(self._carry, key, carry)

    def settle(self, timeout_s: float | None) -> bool:
        """Wait until all have ended, or for so long; tell whether none is left.

        Raises
        ------
        BaseException
            One has ended as no transfer should.
        """
        wait(self._running.values(), timeout=timeout_s)
        for key in [key for key, future in self._running.items() if future.done()]:
            self._running.pop(key).result()
        return not self._running

    def close(self) -> None:
        """Stop all of them; what has arrived is gone on with the next time."""
        self.stop.set()
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        # A thread may stand in a read for a minute: who stops us does not wait that long.
        wait(self._running.values(), timeout=STOP_TIMEOUT_S)

    def _carry(self, key: str, carry: Callable[[], str]) -> None:
        self._items.change(key, state=State.UNDER_WAY, reason=None)
        try:
            said = carry()
        except StoppedError:
            self._items.change(key, state=State.WAITING)
        except (errors.AuthenticationError, errors.LoginExpiredError):
            self.is_login_over = True
            self._items.change(key, state=State.WAITING, reason="It waits for a new login.")
        except NotYetError as error:
            self.postpone(key, State.WAITING, str(error))
        except Exception as error:  # noqa: BLE001 - one must not end all others
            self.postpone(key, State.CANNOT, explain(error))
        else:
            self._items.remove(key)
            self._tell(said)

    def postpone(self, key: str, state: State, reason: str) -> None:
        """Note why an item does not go on, and say so if that is news.

        Parameters
        ----------
        key
            Of the item.
        state, reason
            How it stands, and why.
        """
        if self._items.postpone(key, state, reason, self._now()):
            self._tell(f"{key}: {state}: {reason}")
