"""Choose the Python that the environments and the Lambda runtime use (standard library only)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = ("3.14", "3.13", "3.12", "3.11")
"""Lambda runtimes that the locks cover, newest first."""

PROBE_TIMEOUT_S = 20
# A Python built without these installs fine and fails much later, inside sam, Airflow or pip.
PROBE = (
    "import sys, venv, ensurepip, ssl, sqlite3, ctypes, zlib;"
    "print('%d.%d.%d' % sys.version_info[:3])"
)


class NoPythonError(Exception):
    """No usable Python was found; the text says what to install."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that was started once and works; its version is the full one, ``3.13.0``."""

    path: Path
    version: str

    @property
    def runtime(self) -> str:
        """Return the Lambda runtime's name, ``python3.13``."""
        return "python" + self.version.rpartition(".")[0]


def find_candidates(environ: Mapping[str, str]) -> list[Path]:
    """Return executables that claim to be a supported Python, newest version first.

    Parameters
    ----------
    environ
        ``PYTHON`` (name or path) comes before the search of ``PATH`` and of pyenv's versions.
    """
    folders = [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    if chosen := environ.get("PYTHON"):
        return [Path(chosen)] if os.sep in chosen else [folder / chosen for folder in folders]
    home = Path(environ.get("HOME", "/nonexistent"))
    versions = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    found: list[Path] = []
    for version in SUPPORTED:
        found += [folder / f"python{version}" for folder in folders]
        patches = sorted(versions.glob(f"{version}.*"), key=_patch_level, reverse=True)
        found += [patch / "bin" / f"python{version}" for patch in patches]
    return found


def _patch_level(folder: Path) -> int:
    digits = folder.name.rpartition(".")[2]
    return int(digits) if digits.isdigit() else -1


def probe(path: Path) -> Interpreter | str:
    """Start the executable; return it, or why it is of no use.

    A file that exists proves nothing: pyenv's shims fail for versions that are not selected, and
    Debian's Python lacks ``ensurepip`` until a package of its own is installed.
    """
    command = [str(path), "-c", PROBE]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own interpreters
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not start ({type(error).__name__})"
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return lines[-1] if lines else f"exit status {done.returncode}"
    return Interpreter(path=path, version=done.stdout.strip())


def choose(
    candidates: Iterable[Path],
    try_out: Callable[[Path], Interpreter | str] = probe,
    supported: Sequence[str] = SUPPORTED,
) -> Interpreter:
    """Return the first candidate that works and whose version is supported.

    Parameters
    ----------
    try_out
        Starts one; returns why if it is of no use.
    """
    refused: list[str] = []
    for path in candidates:
        if not path.is_file():
            continue
        answer = try_out(path)
        if isinstance(answer, Interpreter) and answer.runtime[6:] in supported:
            return answer
        refused.append(f"  {path}: {answer if isinstance(answer, str) else answer.version}")
    raise NoPythonError(_explain(refused, supported))


def _explain(refused: list[str], supported: Sequence[str]) -> str:
    tried = "\n".join(["Tried:", *refused]) if refused else "None was found on PATH or in pyenv."
    advice = (
        "Debian or Ubuntu: install python3 and python3-venv (the latter brings ensurepip), "
        "or a version with pyenv; PYTHON=<path> selects one."
    )
    return f"No usable Python {', '.join(supported)}.\n{tried}\n{advice}"
