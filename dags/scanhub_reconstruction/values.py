"""Numbers of a header, which may be text or nothing."""

from __future__ import annotations

from typing import Any

# Far beyond any scan in mm, ms or Hz; what is computed from such numbers is finite.
_SMALLEST, _LARGEST = 1e-9, 1e12


def optional_positive(value: Any) -> float | None:
    """Return a positive number, None for everything else: xsdata leaves bad values as text."""
    if isinstance(value, int | float) and _SMALLEST <= value <= _LARGEST:
        return float(value)
    return None
