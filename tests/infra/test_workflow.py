"""The workflow of GitHub Actions as written: nobody runs it here, so it is read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.interpreter import SUPPORTED

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/ci.yml"
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    # YAML 1.1, which PyYAML reads, takes the key `on` for a truth value.
    loaded = yaml.safe_load(WORKFLOW.read_text())
    return {("on" if key is True else key): value for key, value in loaded.items()}


def iterate_steps(workflow: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for job in workflow["jobs"].values():
        yield from job["steps"]


def list_commands(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for step in iterate_steps(workflow) if "run" in step]


def test_workflow_runs_for_main_pull_requests_and_releases(workflow: dict[str, Any]) -> None:
    assert workflow["on"]["push"] == {"branches": ["main"], "tags": ["v*"]}
    assert "pull_request" in workflow["on"]
    # It would run a stranger's code with the rights of this repository.
    assert "pull_request_target" not in workflow["on"]


def test_workflow_calls_targets_of_the_makefile_only(workflow: dict[str, Any]) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {
        target
        for command in list_commands(workflow)
        for target in re.findall(r"\bmake ([\w-]+)", command)
    }

    assert called >= {"check", "test", "build", "checkov", "audit"}
    assert called <= targets


@pytest.mark.parametrize("name", ["check", "audit"])
def test_every_python_that_is_supported_is_checked(workflow: dict[str, Any], name: str) -> None:
    check = workflow["jobs"][name]

    assert set(check["strategy"]["matrix"]["python"]) == set(SUPPORTED)
    # Else the Makefile takes the newest one on the machine.
    assert check["env"]["PYTHON"] == "python${{ matrix.python }}"


def test_known_vulnerabilities_are_looked_for_while_nobody_changes_anything(
    workflow: dict[str, Any],
) -> None:
    assert workflow["on"]["schedule"]
    assert "if" not in workflow["jobs"]["audit"]


def test_workflow_may_only_read_and_every_job_ends(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert 0 < job["timeout-minutes"] <= 60


def test_actions_are_pinned_to_a_commit_with_its_version() -> None:
    lines = [line for line in WORKFLOW.read_text().splitlines() if "uses:" in line]
    pinned = [re.search(r"uses: ([\w/-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in lines]

    assert lines
    assert all(pinned)
    assert {match[1] for match in pinned if match} <= ACTIONS


def test_one_action_is_pinned_to_one_commit() -> None:
    pins = set(re.findall(r"uses: ([\w/-]+)@(\w+)", WORKFLOW.read_text()))

    assert len(pins) == len({action for action, _ in pins})


def test_no_secret_is_used_kept_or_printed(workflow: dict[str, Any]) -> None:
    text = WORKFLOW.read_text()
    commands = "\n".join(list_commands(workflow))

    assert not re.search(r"secrets\.|github\.token|GITHUB_TOKEN|AWS_|id-token", text)
    assert not re.search(
        r"set -\w*x|\bprintenv\b|^\s*env\s*$|\bexport -p\b", commands, re.MULTILINE
    )
    for step in iterate_steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_no_command_is_made_of_what_a_stranger_may_write(workflow: dict[str, Any]) -> None:
    # A title or a branch's name would be pasted into the shell.
    assert not [command for command in list_commands(workflow) if "${{" in command]


def test_what_is_built_on_a_tag_has_been_checked_and_has_its_digest_and_sboms(
    workflow: dict[str, Any],
) -> None:
    build = workflow["jobs"]["build"]

    assert build["if"] == "startsWith(github.ref, 'refs/tags/')"
    assert set(build["needs"]) == set(workflow["jobs"]) - {"build"}
    [upload] = [step for step in build["steps"] if "upload-artifact" in step.get("uses", "")]
    assert {Path(line).name for line in upload["with"]["path"].split()} == {
        "artefact.tar.gz",
        "artefact.tar.gz.sha256",
        "layer.cdx.json",
        "dags.cdx.json",
    }
    assert upload["with"]["if-no-files-found"] == "error"
