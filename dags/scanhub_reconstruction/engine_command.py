"""Whether a reconstruction engine is installed here, and by what command it runs."""

from __future__ import annotations

import importlib
import os
from typing import Any

COMMAND_VARIABLE = "SCANHUB_PIPE_COMMAND"
AIRFLOW_VARIABLE = "scanhub_pipe_command"
ENGINE_DAG_ID = "pipe_reconstruction"


def find_engine_command() -> str | None:
    """Return the deployment's choice, as it is written; None where no engine is installed.

    The environment of the worker comes before the Airflow Variable.
    """
    text = os.environ.get(COMMAND_VARIABLE) or _get_variable()
    return text if text and text.strip() else None


def _get_variable() -> str | None:
    """Return Airflow's Variable; None where it is not set, or where there is no Airflow."""
    try:
        variables: Any = importlib.import_module("airflow.sdk").Variable
    except ImportError:
        try:
            variables = importlib.import_module("airflow.models").Variable
        except ImportError:
            return None
    try:
        value = variables.get(AIRFLOW_VARIABLE)
    except KeyError:  # Airflow 2
        return None
    except Exception as error:
        if type(error).__name__ == "AirflowRuntimeError" and "VARIABLE_NOT_FOUND" in str(error):
            return None
        raise
    return value if isinstance(value, str) else None


def describe_door() -> str:
    """Return the end of a sentence that refuses what an engine reconstructs."""
    try:
        is_there = find_engine_command() is not None
    except Exception:  # noqa: BLE001 - the refusal is true without it
        is_there = False
    return f" The DAG {ENGINE_DAG_ID} does it, by the engine installed here." if is_there else ""
