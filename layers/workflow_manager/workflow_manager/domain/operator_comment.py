"""Our word to the operator: one marked line in a task's comment, which otherwise is his.

The line carries a checksum of its own text, so that it is known as ours, and as unchanged, without
any memory of what was told.
"""

import re
import unicodedata
from hashlib import sha256

# A line is read at a glance; a DAG may give a reason of a thousand characters.
MAX_WORD_CHARACTERS = 500
# Of lines that were put into one another.
MAX_N_NESTED = 10
# Whether the line stands alone, in a comment that was null, or a line break of ours is before it.
_ALONE, _BEHIND = "alone", "behind"
_LINE = re.compile(
    rf"(\n?)\[workflow-manager: ([^\[\]\r\n]{{1,{MAX_WORD_CHARACTERS}}}) #([0-9a-f]{{8}})\]"
)
_NO_BRACKETS = str.maketrans("[]", "()")


def put_word(comment: str | None, word: str | None) -> str | None:
    """Return a task's comment with our line at its end, instead of any line of ours before.

    A line in which somebody has changed a character is his from then on: only our mark goes.

    Parameters
    ----------
    comment
        As exam-manager has it; None is its null.
    word
        For the operator; None takes our line out, and leaves exactly what he wrote.
    """
    written = _take_out(comment)
    text = _fold(word or "")
    if not text:
        return written
    if written is None:
        return _make_line(text, _ALONE)
    return f"{written}\n{_make_line(text, _BEHIND)}"


def _take_out(comment: str | None) -> str | None:
    if comment is None:
        return None
    left = comment
    # Again, because a line may have been put into another one; not for as long as there are any,
    # because a comment may hold a million of them.
    for _ in range(MAX_N_NESTED):
        left = _LINE.sub(_drop, left)
    was_null = not left and comment.startswith("[")
    return None if was_null else left


def _drop(match: re.Match[str]) -> str:
    line_break, text, checksum = match.groups()
    if checksum == _sum(text, _ALONE):
        return line_break
    if checksum != _sum(text, _BEHIND):
        # The digits stay too: they may be what he has changed.
        return f"{line_break}{text} #{checksum}"
    # Ours, unless it parts now what he has written before and behind the line.
    has_end = match.string[match.end() : match.end() + 1] in ("", "\n", "\r")
    return "" if has_end else line_break


def _make_line(text: str, place: str) -> str:
    return f"[workflow-manager: {text} #{_sum(text, place)}]"


def _sum(text: str, place: str) -> str:
    return sha256(f"{place} {text}".encode(errors="replace")).hexdigest()[:8]


def _fold(word: str) -> str:
    """Return a word as one line, without brackets and what cannot be seen: bidi signs too."""
    seen = (" " if unicodedata.category(each)[0] in "CZ" else each for each in word)
    text = " ".join("".join(seen).translate(_NO_BRACKETS).split())
    if len(text) <= MAX_WORD_CHARACTERS:
        return text
    return text[: MAX_WORD_CHARACTERS - 1].rstrip() + "…"
