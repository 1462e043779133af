"""What Airflow knows of the task that runs; outside of Airflow, nothing is known and needed.

Exceptions are told apart by name: where they are imported from differs between 2.11, 3.0 and 3.2.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

_ENDED_BY_WORD = {"AirflowFailException", "AirflowSensorTimeout"}
_COMES_AGAIN = {"AirflowRescheduleException", "TaskDeferred"}


def find_context() -> Mapping[str, Any] | None:
    """Return Airflow's context of the task that runs; None outside of one."""
    if "airflow" not in sys.modules:
        return None
    try:
        module = importlib.import_module("airflow.sdk")
    except ImportError:  # Airflow 2
        module = importlib.import_module("airflow.operators.python")
    try:
        context: Mapping[str, Any] = module.get_current_context()
    except Exception:  # noqa: BLE001 - RuntimeError in Airflow 3, AirflowException in 2
        return None
    return context


def is_tried_again(error: BaseException, context: Mapping[str, Any] | None) -> bool:
    """Return whether Airflow will run the task again after this error."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _COMES_AGAIN:
        return True
    if context is None or names & _ENDED_BY_WORD:
        return False
    # A task without retries has none left, however Airflow counts its first try.
    task_instance = context["ti"]
    max_tries = task_instance.max_tries or 0
    return bool(max_tries > 0 and task_instance.try_number <= max_tries)


def is_timeout(error: object) -> bool:
    """Return whether Airflow ended the task because its `execution_timeout` was over."""
    return type(error).__name__ == "AirflowTaskTimeout"


def read_timeout_s(context: Mapping[str, Any] | None) -> float | None:
    """Return the task's `execution_timeout` [s], if it is known."""
    timeout = getattr((context or {}).get("task"), "execution_timeout", None)
    return timeout.total_seconds() if timeout else None


def read_tags(context: Mapping[str, Any] | None) -> frozenset[str] | None:
    """Return the tags of the DAG; None if they are not known."""
    return None if context is None else frozenset(context["dag"].tags or ())


def fail_for_good(error: BaseException, context: Mapping[str, Any] | None) -> NoReturn:
    """Raise what Airflow does not try again; outside of Airflow, the error itself."""
    if context is None:
        raise error
    try:
        module = importlib.import_module("airflow.sdk.exceptions")
        kind = module.AirflowFailException
    except (ImportError, AttributeError):  # Airflow before 3.2
        kind = importlib.import_module("airflow.exceptions").AirflowFailException
    raise mark_told(kind(str(error))) from None


def mark_told(error: BaseException) -> BaseException:
    """Note that the workflow manager knows of the error, and return it."""
    error._is_told_to_scanhub = True  # type: ignore[attr-defined]
    return error


def is_told(error: object) -> bool:
    """Return whether the workflow manager knows of the error."""
    return getattr(error, "_is_told_to_scanhub", False) is True
