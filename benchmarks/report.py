"""What reports of several benchmarks have in common."""

from __future__ import annotations

import os
import platform
import re
from datetime import date
from pathlib import Path


def replace_block(text: str, name: str, content: str) -> str:
    """Return a page with new content between its marks ``<!-- name -->`` and ``<!-- /name -->``.

    Parameters
    ----------
    text
        The page, in Markdown.
    name
        Of the marks.
    content
        What is to stand between them.

    Raises
    ------
    ValueError
        The page does not have both marks once, in this order.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, *rest = text.split(begin)
    if len(rest) != 1 or rest[0].count(end) != 1 or end in before:
        raise ValueError(f"The page does not have the marks {begin} and {end} once each.")
    after = rest[0].partition(end)[2]
    return f"{before}{begin}\n{content.strip()}\n{end}{after}"


def make_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown; all columns but the first hold numbers."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def describe_machine(today: date | None = None) -> str:
    """Return what the numbers of a run come from, and of which day they are."""
    today = today or date.today()
    version = ".".join(platform.python_version_tuple()[:2])
    cores = f"{os.cpu_count()} cores{_processor()}"
    day = f"{today.day} {today:%B %Y}"
    return f"{cores}, {platform.system()}, Python {version}, {platform.machine()}, {day}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return f" ({found[1].strip()})" if found else ""
