"""Ids as text: ScanHub's are UUIDs, ours are ULIDs and hashes, and a stranger may send anything."""

import re

_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
# For ids of these characters, the service that is asked says itself that there is none.
_PLAUSIBLE = re.compile(r"[\x20-\x7e]{1,64}")
# Python's `uuid.UUID`, by which ScanHub reads an id, takes these forms, in any case.
_UUID = re.compile(
    r"(?:urn:)?(?:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?",
    re.ASCII | re.IGNORECASE,
)

# The characters that a header can carry; a token has no others.
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")


def normalize_id(text: str) -> str:
    """Return an id as we store it: a UUID in ScanHub's spelling, anything else as it is."""
    match = _UUID.fullmatch(text)
    return "-".join(match.groups()).lower() if match else text


def is_uuid(text: str) -> bool:
    """Tell whether ScanHub reads a text as a UUID."""
    return _UUID.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Tell whether a text may be an id: at most 64 letters, digits, underscores and dashes."""
    return _ID.fullmatch(text) is not None


def is_plausible_id(text: str) -> bool:
    """Tell whether we look for a text as an id: at most 64 printable ASCII characters."""
    return _PLAUSIBLE.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Tell whether a text may be a token."""
    return _TOKEN.fullmatch(text) is not None
