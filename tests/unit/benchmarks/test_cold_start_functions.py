"""What is started, and how."""

import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cold_start_functions import (
    CLOSED_URL,
    EVENT,
    HTTP,
    list_functions,
    name_of,
    read_template,
)
from local.config import ROOT, StackError

LAYER = Path("layer")


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return read_template(ROOT / "template.yaml")


def test_every_function_of_the_template_is_started(template: dict[str, Any]) -> None:
    # When the functions are listed
    starters = list_functions(template, Path("build"), LAYER)
    # Then they are those of the repository, HTTP first, each with its own folder
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert {each.name for each in starters} == folders
    kinds = [each.kind for each in starters]
    assert kinds == [HTTP] * kinds.count(HTTP) + [EVENT] * kinds.count(EVENT)
    assert all(each.task_root == Path("build", each.function.logical_id) for each in starters)


def test_a_function_has_its_own_configuration(template: dict[str, Any]) -> None:
    # When the functions are listed
    by_name = {each.name: each for each in list_functions(template, Path("build"), LAYER)}
    # Then what a function says of itself counts, before what all have
    reconcile, hello = by_name["reconcile_runs"].function, by_name["hello"].function
    assert (reconcile.timeout_s, reconcile.memory_mb) == (50, 512)
    assert (hello.timeout_s, hello.memory_mb) == (29, 1769)
    assert reconcile.environ["AIRFLOW_REQUEST_INTERVAL_S"] == "0.1"
    assert "AIRFLOW_REQUEST_INTERVAL_S" not in hello.environ


def test_nobody_is_reached(template: dict[str, Any]) -> None:
    # When the functions are listed
    environs = [each.function.environ for each in list_functions(template, Path("build"), LAYER)]
    # Then every URL is closed, and no profile of the user is read
    for environ in environs:
        urls = {value for value in environ.values() if "://" in value and "localhost" not in value}
        assert urls
        assert all(url.startswith(CLOSED_URL) for url in urls)
        assert environ["AWS_CONFIG_FILE"] == os.devnull


def test_defaults_of_parameters_are_the_values(template: dict[str, Any]) -> None:
    # When the functions are listed
    environ = list_functions(template, Path("build"), LAYER)[0].function.environ
    # Then what the template knows is as it says
    parameters = template["Parameters"]
    assert environ["ROLE_PERMISSIONS"] == parameters["RolePermissions"]["Default"]
    assert environ["DAG_RUN_TIMEOUT_S"] == str(parameters["DagRunTimeoutSeconds"]["Default"])


def test_a_variable_without_a_value_is_told() -> None:
    # Given a template with a variable that only a deployment knows
    variables = {"NEW_QUEUE_URL": {"Ref": "NewQueue"}}
    common = {"Timeout": 29, "MemorySize": 1769, "Environment": {"Variables": variables}}
    function = {"Type": "AWS::Serverless::Function", "Properties": {}}
    template = {
        "Globals": {"Function": common},
        "Parameters": {},
        "Resources": {"HelloFunction": function},
    }
    # When its functions are listed, then the variable is named
    with pytest.raises(StackError, match="NEW_QUEUE_URL"):
        list_functions(template, Path("build"), LAYER)


@pytest.mark.parametrize(
    ("logical_id", "name"),
    [("HelloFunction", "hello"), ("UploadAndTriggerFunction", "upload_and_trigger")],
)
def test_a_logical_id_is_a_folders_name(logical_id: str, name: str) -> None:
    assert name_of(logical_id) == name
