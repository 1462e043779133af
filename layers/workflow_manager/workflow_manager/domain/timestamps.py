"""Times that other systems tell us."""

from datetime import datetime, timedelta

_MAX_LENGTH = 40


def parse_time(text: object) -> datetime | None:
    """Return a time with its zone from a stranger's text in ISO 8601, or None if it is no time."""
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def milliseconds_between(start: datetime, end: datetime) -> float:
    """Return a duration [ms], never below 0, as two clocks never quite agree; both with zones."""
    return max((end - start) / timedelta(milliseconds=1), 0.0)
