"""Look for what is insecure in the template: ``python -m tools.checkov``."""

from __future__ import annotations

import os
import subprocess
import sys

from local.config import ROOT
from tools.install import install_tool

REQUIREMENTS = ROOT / "requirements/checkov.txt"
# An environment of its own: checkov pins old releases of packages that others need new.
ENVIRONMENT = ROOT / ".local-checkov"


def main() -> int:
    """Check the template offline and return checkov's exit status."""
    command = [
        str(install_tool(REQUIREMENTS, ENVIRONMENT) / "checkov"),
        "--config-file",
        str(ROOT / ".checkov.yaml"),
    ]
    command += ["--file", str(ROOT / "template.yaml")]
    # By default, it asks PyPI for a newer release.
    environ = {**os.environ, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true"}
    return subprocess.run(command, env=environ, check=False).returncode  # noqa: S603 - our own words, no shell


if __name__ == "__main__":
    sys.exit(main())
