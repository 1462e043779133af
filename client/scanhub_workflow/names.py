"""Names of files that a server chose: which of them may become files here."""

from __future__ import annotations

import re
import unicodedata

# What most file systems take, as UTF-8.
MAX_NAME_BYTES = 255
# Controls move a terminal's cursor; formats hide or turn text around: "gpj.exe" reads "exe.jpg".
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_WINDOWS_DEVICE = re.compile(r"(con|conin\$|conout\$|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)", re.I)
_WINDOWS_FORBIDDEN = frozenset('<>:"|?*')


def is_plain_name(name: str, *, is_windows: bool) -> bool:
    """Return whether a server's name for a file or folder is what it looks like, and only a name.

    Parameters
    ----------
    name
        One segment of a path.
    is_windows
        Whether Windows' own rules count, too: a colon parts a drive or a stream, and dots and
        blanks at the end are dropped. Its devices are no names anywhere, for files are handed on.
    """
    # A leading dot hides a file, and our own marker and unfinished files have one.
    if not name or name.startswith(".") or {"/", "\\"} & set(name) or _WINDOWS_DEVICE.match(name):
        return False
    if any(unicodedata.category(char) in _UNSEEN for char in name):
        return False
    if is_windows and (name.endswith((".", " ")) or _WINDOWS_FORBIDDEN & set(name)):
        return False
    return len(name.encode()) <= MAX_NAME_BYTES
