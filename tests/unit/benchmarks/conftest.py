"""Coroutines in a process that also calls Lambda handlers."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def run() -> Run:
    """Runs a coroutine; `asyncio.run` would take the thread's own event loop from Mangum."""

    def run_alone(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with closing(asyncio.new_event_loop()) as loop:
            return loop.run_until_complete(coroutine)

    return run_alone
