"""Ids as text: ScanHub's are UUIDs, ours ULIDs and hashes; a stranger's may be anything."""

import re

_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
# Of these, whoever is asked for it says in words of its own that there is none.
_PLAUSIBLE = re.compile(r"[\x20-\x7e]{1,64}")
# Python's `uuid.UUID`, by which ScanHub reads an id, takes these forms, in any case.
_UUID = re.compile(
    r"(?:urn:)?(?:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?",
    re.ASCII | re.IGNORECASE,
)

# What a header can carry; anything else is nobody's token.
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


def normalize_id(text: str) -> str:
    """Return an id as it is stored: a UUID as ScanHub writes it, whatever form it was sent in."""
    match = _UUID.fullmatch(text)
    return "-".join(match.groups()).lower() if match else text


def is_id(text: str) -> bool:
    """Tell whether a text may be an id: at most 64 letters, digits, underscores and dashes."""
    return _ID.fullmatch(text) is not None


def is_plausible_id(text: str) -> bool:
    """Tell whether a text may be asked for: at most 64 characters that can be printed, ASCII."""
    return _PLAUSIBLE.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Tell whether a text may be a token."""
    return _TOKEN.fullmatch(text) is not None
