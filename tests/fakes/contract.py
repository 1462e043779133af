"""Functions as they are deployed for another contract of ScanHub."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workflow_manager.contract import Contract, get_contract

# Their routes are made with their import, in the shape of the contract.
SHAPED = ("list_available_tasks", "receive_results", "trigger_task")


@contextmanager
def speak(contract: Contract) -> Iterator[None]:
    """Let functions and wiring speak a contract."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCANHUB_CONTRACT", contract)
        _make_anew()
        yield
    _make_anew()


def _make_anew() -> None:
    get_contract.cache_clear()
    for name in SHAPED:
        importlib.reload(importlib.import_module(f"functions.{name}.app"))
