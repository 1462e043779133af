"""Which failures are told, by what Airflow says of the try; tests/airflow_kit asks the real one."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from scanhub_dag import airflow_task, open_run, report_failure
from tests.unit.dags.open_runs import StartedRun, WorkflowManager


class Task:
    """Airflow's context of a task, in its words."""

    def __init__(self, try_number: int, max_tries: int) -> None:
        self.try_number, self.max_tries = try_number, max_tries

    @property
    def context(self) -> dict[str, Any]:
        task = SimpleNamespace(execution_timeout=timedelta(minutes=30))
        return {"ti": self, "task": task, "dag": SimpleNamespace(tags={"reconstruction"})}


class AirflowTaskTimeout(BaseException):
    """As Airflow's, which is no Exception."""


AirflowFailException = type("AirflowFailException", (Exception,), {})  # Airflow's own name


@pytest.mark.parametrize(
    ("error", "try_number", "max_tries", "sentence"),
    [
        (ValueError(), 1, 2, None),
        (ValueError(), 2, 2, None),
        (ValueError(), 3, 2, "The DAG failed unexpectedly (ValueError)."),
        (ValueError(), 0, 0, "The DAG failed unexpectedly (ValueError)."),
        (AirflowTaskTimeout(), 1, 2, None),
        (AirflowTaskTimeout(), 3, 2, "The DAG took longer than its 1800 seconds."),
        (AirflowFailException("Doe"), 1, 2, "The DAG failed unexpectedly (AirflowFailException)."),
        (type("TaskDeferred", (BaseException,), {})(), 1, 0, None),
    ],
)
def test_failure_is_told_when_airflow_does_not_try_again(
    s3: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    try_number: int,
    max_tries: int,
    sentence: str | None,
) -> None:
    manager = WorkflowManager()
    context = Task(try_number, max_tries).context
    monkeypatch.setattr(airflow_task, "find_context", lambda: context)

    with (
        pytest.raises(type(error)),
        open_run(StartedRun(), transport=manager.transport),
    ):
        raise error
    if sentence:  # Airflow calls this after a last try
        told = context | {"dag_run": StartedRun(), "exception": error}
        report_failure(told, transport=manager.transport)

    assert [body["error"] for body in manager.bodies] == ([sentence] if sentence else [])
