"""Ids that stand in a path: what cannot be one is not there, whoever asks."""

from typing import Annotated

from pydantic import AfterValidator

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.domain.ids import is_plausible_id, normalize_id


def _find(text: str) -> str:
    found = normalize_id(text)
    if not is_plausible_id(found):
        # No ValueError, of which a list of faults would be made: this is the answer.
        raise NotFoundError("Nothing has such an id.")
    return found


PathId = Annotated[str, AfterValidator(_find)]
