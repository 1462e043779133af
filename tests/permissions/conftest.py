"""Roles as CloudFormation makes them, and what the suites before have recorded."""

import os
from pathlib import Path

import pytest

from tests.permissions.recorded import Needs, load_needs
from tests.permissions.recorder import FOLDER_VARIABLE
from tests.permissions.roles import PARAMETER_SETS, Role, read_roles

SUMMARY = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def recorded() -> Needs:
    """Return what every function needed in the suites that ran before."""
    folder = os.environ.get(FOLDER_VARIABLE)
    needs = load_needs(Path(folder)) if folder else {}
    if not needs:
        pytest.fail("No calls are recorded: run make permissions, which records them first.")
    return needs


@pytest.fixture(scope="session")
def roles() -> dict[str, dict[str, Role]]:
    """Return parameter set → function → role."""
    return {name: read_roles(parameters) for name, parameters in PARAMETER_SETS.items()}


@pytest.fixture(scope="session")
def summary(request: pytest.FixtureRequest) -> list[str]:
    """Return the lines that are printed in the end."""
    return request.config.stash.setdefault(SUMMARY, [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was compared."""
    if lines := config.stash.get(SUMMARY, []):
        terminalreporter.section("permissions")
        for line in lines:
            terminalreporter.write_line(line)
