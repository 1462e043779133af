"""Which generation of ScanHub's API the deployment speaks.

Only the adapters at the edge (`clients`, `http`) and the wiring import this: all else is the same
for each of them.
"""

import os
from enum import StrEnum
from functools import cache


class Contract(StrEnum):
    """A generation of ScanHub's API, by the month of the snapshot in which it was observed."""

    MARCH_2025 = "2025-03"
    FEBRUARY_2026 = "2026-02"


@cache
def get_contract() -> Contract:
    """Return the contract of the deployment, read from the environment once."""
    return Contract(os.environ.get("SCANHUB_CONTRACT") or Contract.MARCH_2025)
