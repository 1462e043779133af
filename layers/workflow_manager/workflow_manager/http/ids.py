"""Ids in paths: an impossible one is answered like an unknown one."""

from typing import Annotated

from pydantic import AfterValidator

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.ids import is_plausible_id, normalize_id


def _find(text: str) -> str:
    found = normalize_id(text)
    if not is_plausible_id(found):
        # Not a ValueError, which FastAPI would answer with a list of faults.
        raise NotFoundError("Nothing has such an id.")
    return found


PathId = Annotated[str, AfterValidator(_find)]
