"""Times that others tell us."""

from datetime import datetime, timedelta

_MAX_LENGTH = 40


def parse_time(text: object) -> datetime | None:
    """Return a time with its zone, or None if the text is none.

    Parameters
    ----------
    text
        ISO 8601, as S3 and DAGs write it; from a stranger.
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def milliseconds_between(start: datetime, end: datetime) -> float:
    """Return how long it took [ms]; never less than 0, for two clocks never quite agree.

    Parameters
    ----------
    start, end
        With their zones.
    """
    return max((end - start) / timedelta(milliseconds=1), 0.0)
