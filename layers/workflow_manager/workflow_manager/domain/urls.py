"""Ids in paths of URLs."""

from urllib.parse import quote

from workflow_manager.domain.errors import InvalidInputError


def quote_segment(value: str) -> str:
    """Return an id as one segment of a path, whatever characters it holds.

    Raises
    ------
    InvalidInputError
        It is empty or a dot segment, which would name another path.
    """
    if value in {"", ".", ".."}:
        raise InvalidInputError(f'"{value}" is not an id.')
    # Half of a pair of surrogates is in no id of anybody's.
    return quote(value, safe="", errors="replace")
