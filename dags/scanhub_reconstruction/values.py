"""Numbers and UIDs of a header, which may be text or nothing."""

from __future__ import annotations

import re
from typing import Any

# Far beyond any scan in mm, ms or Hz; what is computed from such numbers is finite.
_SMALLEST, _LARGEST = 1e-9, 1e12

# PS3.5 9.1. pydicom knows it too, and takes as long to load as reading a file does.
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")


def optional_uid(value: Any) -> str | None:
    """Return a DICOM UID, None for everything else."""
    is_uid = isinstance(value, str) and len(value) <= 64 and _UID.fullmatch(value) is not None
    return value if is_uid else None


def optional_positive(value: Any) -> float | None:
    """Return a positive number, None for everything else: xsdata leaves bad values as text."""
    if isinstance(value, int | float) and _SMALLEST <= value <= _LARGEST:
        return float(value)
    return None
