import os
from pathlib import Path

import pytest

from local import runtime
from local.config import StackError
from local.runtime import RuntimeFunction, find_emulator, link_runtime_client
from local.samples import WORKFLOW_ID, Sample


def test_emulator_of_the_sam_command_line_is_found() -> None:
    assert os.access(find_emulator(), os.X_OK)


def test_runtime_client_is_linked_with_what_it_needs_and_nothing_else(tmp_path: Path) -> None:
    linked = {path.name for path in link_runtime_client(tmp_path / "runtime").iterdir()}

    assert {"awslambdaric", "simplejson"} <= linked
    assert not {"boto3", "botocore", "pydantic", "pytest"} & linked


def test_missing_runtime_client_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "CLIENT_PACKAGE", "no-such-client")

    with pytest.raises(StackError, match="no-such-client is needed: make setup"):
        link_runtime_client(tmp_path / "runtime")


def test_environment_of_a_function_is_not_shown() -> None:
    function = RuntimeFunction("F", "app.lambda_handler", 29, 1024, {"SECRET": "not-for-logs"})

    assert "not-for-logs" not in repr(function)


def test_sample_takes_the_names_of_a_stack() -> None:
    event = Sample("process_workflow", "success").load({WORKFLOW_ID: "another-workflow"})

    assert event["pathParameters"] == {"workflow_id": "another-workflow"}
    assert WORKFLOW_ID not in str(event)
