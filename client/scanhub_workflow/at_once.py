"""Do jobs at once, in threads, and stop them all when one fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
STOP_TIMEOUT_S = 2


class StoppedError(Exception):
    """Another job has failed: this one is of no use any more."""


def run_at_once(
    jobs: Iterable[Callable[[], T]], n_at_once: int, stop: threading.Event, name: str
) -> list[T]:
    """Return what jobs return, in the order in which they end.

    A job is made when there is a thread for it: neither memory nor URLs for all of them.

    Parameters
    ----------
    jobs
        What to do.
    n_at_once
        How many threads there are.
    stop
        Set when one job has failed, or the caller is interrupted: the others look at it.
    name
        Of the threads.
    """
    results: list[T] = []
    running: set[Future[T]] = set()
    pool = ThreadPoolExecutor(n_at_once, thread_name_prefix=name)
    try:
        for job in jobs:
            running.add(pool.submit(job))
            if len(running) == n_at_once:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                results.extend(future.result() for future in done)
        results.extend(future.result() for future in running)
    except KeyboardInterrupt:
        stop.set()
        # A thread may stand in a read for a minute: who interrupts does not wait that long.
        wait(running, timeout=STOP_TIMEOUT_S)
        pool.shutdown(wait=False)
        raise
    except BaseException:
        stop.set()
        pool.shutdown()
        raise
    pool.shutdown()
    return results
