"""Every endpoint under every failure: status, `detail`, and the state of the task afterwards.

What holds in all cells is in `runner.check_always`; what may be logged in none is in `conftest`.
"""

import pytest

from tests.integration.contract import data_cells, listing_cells, task_cells
from tests.integration.contract.cells import Cell
from tests.integration.contract.runner import check_always, check_expected, run_cell
from tests.integration.deployment import Deployment

CELLS = [*task_cells.CELLS, *data_cells.CELLS, *listing_cells.CELLS]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_contract_is_kept(deployment: Deployment, cell: Cell) -> None:
    outcome = run_cell(deployment, cell)

    check_expected(deployment, cell, outcome)
    check_always(deployment, cell, outcome)
