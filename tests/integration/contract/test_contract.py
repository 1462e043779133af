"""Every endpoint under every failure: status, `detail`, and the state of the task afterwards.

What holds in all cells is in `runner.check_always`; what may be logged in none is in `conftest`.
"""

import io
from pathlib import Path

import pytest

from tests.integration.contract import (
    control_cells,
    data_cells,
    denied_cells,
    listing_cells,
    looking_cells,
    task_cells,
)
from tests.integration.contract.cells import Cell
from tests.integration.contract.denials import REFUSED, deny
from tests.integration.contract.runner import check_always, check_expected, run_cell
from tests.integration.deployment import Deployment

ROOT = Path(__file__).parents[3]
TABLES = (task_cells, data_cells, listing_cells, control_cells, looking_cells, denied_cells)
CELLS = [cell for table in TABLES for cell in table.CELLS]
CELLS += [deny(cell) for cell in CELLS if any(kind == "gone" for _, kind in cell.faults)]


# Files that depend on nobody, and a login, whose answer holds what no other may. They have tests of
# their own.
WITHOUT_CELLS = {"get_console", "get_openapi", "log_in"}


def test_every_endpoint_has_its_cells() -> None:
    sources = {path.parent.name: path.read_text() for path in ROOT.glob("functions/*/app.py")}
    endpoints = {name for name, source in sources.items() if "ScanHubRouter" in source}
    succeeding = {cell.scenario.function for cell in CELLS if cell.status < 400}
    failing = {cell.scenario.function for cell in CELLS if cell.status >= 400}

    assert endpoints - WITHOUT_CELLS == succeeding == failing


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_contract_is_kept(deployment: Deployment, cell: Cell, log: io.StringIO) -> None:
    REFUSED.clear()
    outcome = run_cell(deployment, cell)

    is_told = "missing permission" in log.getvalue()
    check_expected(deployment, cell, outcome)
    check_always(deployment, cell, outcome)
    assert is_told is bool(REFUSED)


@pytest.mark.parametrize("cell", [c for c in CELLS if c.status < 300 and not c.faults], ids=str)
def test_success_is_the_same_on_the_table(deployment: Deployment, cell: Cell) -> None:
    outcome = run_cell(deployment, cell, is_on_table=True)

    check_expected(deployment, cell, outcome)
