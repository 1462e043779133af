"""Look for vulnerabilities that PyPI knows of in all locked packages: ``make audit``.

The packages of a lock depend on the Python, so run it with each supported one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local.certificates import PIP, make_environ
from local.config import ROOT


def find_locks() -> list[Path]:
    """Return all requirements with hashes."""
    folders = ("requirements", "layers/*", "dags", "benchmarks/*")
    files = [path for folder in folders for path in sorted(ROOT.glob(f"{folder}/*.txt"))]
    return [path for path in files if "--hash=" in path.read_text()]


def audit(locks: Sequence[Path], options: Sequence[str] = ()) -> int:
    """Check each lock's packages; return pip-audit's exit status, 0 if it knows of nothing."""
    program = str(Path(sys.executable).with_name("pip-audit"))
    # Strict: a package that PyPI does not know may have vulnerabilities all the same.
    command = [program, "--strict", "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    command += [part for lock in locks for part in ("--requirement", str(lock))]
    environ = make_environ()
    if PIP in environ:
        environ = {"REQUESTS_CA_BUNDLE": environ[PIP], **environ}
    return subprocess.run([*command, *options], env=environ, check=False).returncode  # noqa: S603 - our own words, no shell


if __name__ == "__main__":
    sys.exit(audit(find_locks(), sys.argv[1:]))
