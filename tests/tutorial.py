"""The tutorial's commands, and a checkout as of a clone in which they are typed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from local.config import ROOT

PAGE = ROOT / "docs/tutorials/your-own-dag.md"
# What is installed; a clone would take minutes to do so, and the network.
INSTALLED = (".venv", ".venv-airflow", ".local-dynamodb")
LEFT_OUT = (".venv*", ".local*", ".git", ".aws-sam", "out", "own", "*_cache", "__pycache__")
_BLOCK = re.compile(r"^```(sh(?: fails)?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def read_blocks() -> list[tuple[str, str]]:
    """Return each block of the page, with what it is: "sh", or "sh fails"."""
    return [(found[1], found[2]) for found in _BLOCK.finditer(PAGE.read_text())]


def make_script(blocks: list[tuple[str, str]]) -> str:
    """Return a script that types the blocks; one that is to fail must do so."""
    lines = ["set -euo pipefail"]
    for kind, text in blocks:
        if kind == "sh":
            lines.append(text)
        else:
            lines.append(f"if {text.strip()}; then echo 'This was to fail.'; exit 1; fi")
    return "\n".join(lines)


def make_checkout(folder: Path) -> Path:
    """Return a copy of the project's files, with what is installed here."""
    checkout = folder / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in INSTALLED:
        (checkout / name).symlink_to(ROOT / name)
    return checkout


def type_commands(
    script: str, checkout: Path, timeout_s: float, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Type commands in a checkout, as a user who has nothing set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(  # noqa: S603 - the page's commands
        ["/bin/bash", "-c", script],
        cwd=checkout,
        env={**kept, "HOME": str(checkout.parent), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
