"""The reference Lambda as plain pip leaves it, and the size of what is deployed."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from benchmarks.cold_start_functions import Starter, make_function
from local.config import ROOT, python_runtime
from local.processes import Processes

SOURCES = ROOT / "benchmarks" / "reference"
INSTALL_TIMEOUT_S = 280
REFERENCE, PLAIN_REFERENCE = "reference", "reference, no byte code"
_NO_LAYER = Path(os.devnull)


def build_reference(folder: Path, processes: Processes) -> list[Starter]:
    """Install the reference with and without byte code, unless it is there.

    Parameters
    ----------
    folder
        Where; what is in it is replaced when the sources have changed.
    processes
        Runs pip.

    Returns
    -------
    list[Starter]
        As pip leaves it, and as it arrives on Lambda's read-only disk if only sources are packed.

    Raises
    ------
    StackError
        Pip failed.
    """
    compiled, plain, stamp = folder / "compiled", folder / "plain", folder / ".inputs"
    digest = _digest_sources()
    if not (stamp.exists() and stamp.read_text() == digest):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(compiled)]
        command += ["--require-hashes", "-r", str(SOURCES / "requirements.txt")]
        environ = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        processes.run("install-reference", command, environ, INSTALL_TIMEOUT_S)
        shutil.copy(SOURCES / "app.py", compiled)
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        stamp.write_text(digest)
    function = make_function("ReferenceFunction", {"TABLE_NAME": "state"})
    folders = {REFERENCE: compiled, PLAIN_REFERENCE: plain}
    return [Starter(name, REFERENCE, function, root, _NO_LAYER) for name, root in folders.items()]


def _digest_sources() -> str:
    digest = hashlib.sha256(python_runtime().encode())
    for name in ("app.py", "requirements.txt"):
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()
