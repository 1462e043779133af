"""What is started, and how."""

import os
from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode

from benchmarks.starters import CLOSED_URL, EVENT, HTTP, Starter, list_functions
from local.config import ROOT


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(decode(str(ROOT / "template.yaml"))[0])


@pytest.fixture(scope="module")
def starters(template: dict[str, Any]) -> dict[str, Starter]:
    return {each.name: each for each in list_functions(template, Path("build"))}


def test_every_function_of_the_template_is_started(starters: dict[str, Starter]) -> None:
    # When the functions are listed, then they are those of the repository, HTTP first
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
    assert set(starters) == folders
    kinds = [each.kind for each in starters.values()]
    assert kinds == [HTTP] * kinds.count(HTTP) + [EVENT] * kinds.count(EVENT)
    roots = [Path("build", each.function.logical_id) for each in starters.values()]
    assert [each.root for each in starters.values()] == roots


def test_a_function_has_its_own_configuration(
    starters: dict[str, Starter], template: dict[str, Any]
) -> None:
    # Then what a function says of itself counts, before what all have and a parameter's default
    reconcile, hello = starters["reconcile_runs"].function, starters["hello"].function
    assert reconcile.environ["AIRFLOW_REQUEST_INTERVAL_S"] == "0.1"
    assert "AIRFLOW_REQUEST_INTERVAL_S" not in hello.environ
    default = template["Parameters"]["RolePermissions"]["Default"]
    assert hello.environ["ROLE_PERMISSIONS"] == default


def test_nobody_is_reached(starters: dict[str, Starter]) -> None:
    # Then every URL is closed, and no profile of the user is read
    for environ in (each.function.environ for each in starters.values()):
        urls = {value for value in environ.values() if "://" in value and "localhost" not in value}
        assert urls
        assert all(url.startswith(CLOSED_URL) for url in urls)
        assert environ["AWS_CONFIG_FILE"] == os.devnull
