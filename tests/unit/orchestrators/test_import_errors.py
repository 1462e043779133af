"""What Airflow says of DAG files that it cannot read; tests/airflow2 and tests/e2e ask it."""

import httpx
import pytest

from tests.fakes.airflow import FakeAirflow
from tests.fakes.log import capture_log
from tests.unit.orchestrators.test_airflow_rest import connect
from workflow_manager.domain.errors import UpstreamError, UpstreamRefusedError
from workflow_manager.orchestrators.import_errors import MAX_ERROR_LENGTH, summarize
from workflow_manager.ports import DagImportError
from workflow_manager.settings import AirflowApiVersion

# The trace is what the DagBag of Airflow 3.3.2 and of 2.11.2 keeps of a file with
# `import no_such_module` in line 2; the rest is as their API describes it, with made-up values.
V2 = {
    "import_error_id": 7,
    "timestamp": "2026-11-29T08:10:00Z",
    "filename": "mine/broken.py",
    "bundle_name": "dags-folder",
    "stack_trace": "Traceback (most recent call last):\n"
    '  File "<frozen importlib._bootstrap>", line 488, in _call_with_frames_removed\n'
    '  File "/home/jane/dags/mine/broken.py", line 2, in <module>\n'
    "    import no_such_module\n"
    "ModuleNotFoundError: No module named 'no_such_module'\n",
}
V1 = {
    "import_error_id": 7,
    "timestamp": "2026-11-29T08:10:00+00:00",
    "filename": "/usr/local/airflow/dags/mine/broken.py",
    "stack_trace": "Traceback (most recent call last):\n"
    '  File "<frozen importlib._bootstrap>", line 488, in _call_with_frames_removed\n'
    '  File "/usr/local/airflow/dags/mine/broken.py", line 2, in <module>\n'
    "    import no_such_module\n"
    "ModuleNotFoundError: No module named 'no_such_module'\n",
}


@pytest.mark.parametrize(("version", "document"), [("v1", V1), ("v2", V2)])
def test_import_errors_name_file_reason_and_line(
    version: AirflowApiVersion, document: dict[str, object]
) -> None:
    airflow = FakeAirflow(version=version)
    airflow.import_errors = [document]
    assert connect(airflow).list_import_errors() == [
        DagImportError(
            filename="mine/broken.py",
            error="ModuleNotFoundError: No module named 'no_such_module' (line 2)",
        )
    ]


def test_import_errors_are_the_newest_twenty() -> None:
    airflow = FakeAirflow()
    airflow.import_errors = [V2 | {"filename": f"{number}.py"} for number in range(30)]
    found = connect(airflow).list_import_errors()
    assert [error.filename for error in found] == [f"{number}.py" for number in range(29, 9, -1)]


def test_a_role_that_may_not_see_them_wakes_nobody() -> None:
    airflow = FakeAirflow()
    airflow.import_errors = None
    with capture_log() as log, pytest.raises(UpstreamRefusedError) as caught:
        connect(airflow).list_import_errors()
    assert caught.value.status == httpx.codes.FORBIDDEN
    assert "missing permission" not in log.getvalue()


def test_garbage_is_refused() -> None:
    airflow = FakeAirflow()
    airflow.import_errors = [{"filename": 7}]
    with pytest.raises(UpstreamError):
        connect(airflow).list_import_errors()


@pytest.mark.parametrize(
    ("stack_trace", "expected"),
    [
        ("", "Airflow gives no reason."),
        ("   \n", "Airflow gives no reason."),
        (
            '  File "/dags/a.py", line 3\n    def (\n        ^\nSyntaxError: invalid syntax\n',
            "SyntaxError: invalid syntax (line 3)",
        ),
        # The line of the file itself, and not that of the module that it imports.
        (
            '  File "/dags/a.py", line 3, in <module>\n    import b\n'
            '  File "/dags/b.py", line 9, in <module>\n    1 / 0\n'
            "ZeroDivisionError: division by zero",
            "ZeroDivisionError: division by zero (line 3)",
        ),
        # A text of several lines, such as pydantic's.
        (
            '  File "/dags/a.py", line 3, in <module>\n    Dag()\n'
            "ValidationError: 1 error for Dag\nid\n  Field required\nFor more, see https://errors",
            "ValidationError: 1 error for Dag (line 3)",
        ),
        (
            "DagBag import timeout for /dags/a.py after 30.0s.\nPlease take a look at these docs",
            "DagBag import timeout for /dags/a.py after 30.0s.",
        ),
    ],
)
def test_summarize_returns_a_sentence(stack_trace: str, expected: str) -> None:
    assert summarize(stack_trace, "a.py") == expected


def test_summarize_is_bounded() -> None:
    endless = '  File "/dags/a.py", line 3\nValueError: ' + "x" * 100_000
    summary = summarize(endless, "a.py")
    assert len(summary) == MAX_ERROR_LENGTH
    assert summary.endswith("x (line 3)")
