"""Describe the API."""

from pathlib import Path


def get_openapi(path: Path) -> str:
    """Return the merged OpenAPI document of all functions.

    Parameters
    ----------
    path
        Where the build has put it.

    Returns
    -------
    str
        JSON.
    """
    return path.read_text(encoding="utf-8")
