"""Parameters of a request, as the API reads them."""

from __future__ import annotations

from datetime import date
from typing import Any


def drop_none(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that are given."""
    return {name: value for name, value in params.items() if value is not None}


def to_text(at: date | str | None) -> str | None:
    """Return a date, or a date-time, as the API reads it."""
    # A datetime is a date too, and both say it in the way of ISO 8601.
    return at.isoformat() if isinstance(at, date) else at
