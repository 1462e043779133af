"""Look for what is unsafe in the template: ``python -m local.checkov``."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from local.config import ROOT

REQUIREMENTS = ROOT / "requirements/checkov.txt"
# Of its own: checkov pins old releases of what others need new.
ENVIRONMENT = ROOT / ".local-checkov"


def main() -> int:
    """Check the template and return checkov's exit status; offline, once it is installed."""
    command = [str(_install()), "--config-file", str(ROOT / ".checkov.yaml")]
    command += ["--file", str(ROOT / "template.yaml")]
    # Else it asks PyPI for a newer release.
    environ = {**os.environ, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - our own words, no shell


def _install() -> Path:
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / ".requirements"
    if not stamp.is_file() or stamp.read_text() != digest:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        pip = [str(ENVIRONMENT / "bin/python"), "-m", "pip", "install", "--quiet"]
        pip += ["--require-hashes", "-r", str(REQUIREMENTS)]
        subprocess.run(pip, check=True)  # noqa: S603 - our own words, no shell
        stamp.write_text(digest)
    return ENVIRONMENT / "bin/checkov"


if __name__ == "__main__":
    sys.exit(main())
