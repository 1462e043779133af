"""Tools whose packages do not get along with ours: each has an environment of its own."""

from __future__ import annotations

import hashlib
import subprocess
import venv
from pathlib import Path


def install_tool(requirements: Path, environment: Path) -> Path:
    """Return the folder of a tool's programs, installed if its lock has changed.

    Parameters
    ----------
    requirements
        Its lock, with hashes.
    environment
        Where it lives.
    """
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = environment / ".requirements"
    if not stamp.is_file() or stamp.read_text() != digest:
        venv.create(environment, clear=True, with_pip=True)
        pip = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet"]
        pip += ["--require-hashes", "-r", str(requirements)]
        subprocess.run(pip, check=True)  # noqa: S603 - our own words, no shell
        stamp.write_text(digest)
    return environment / "bin"
