"""Whom every installer trusts: pip, uv, npm (standard library only).

A company's network may replace the registries' certificates by its own. Each installer is told of
the company's authority in its own way. What one was told holds for all here; else the system's
store does.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

PYTHON = Path(__file__).resolve().parent.parent / ".venv/bin/python"
PIP, UV, NPM = "PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"
# In the order of who is asked first; requests and curl have the other two.
VARIABLES = (PIP, UV, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SYSTEM_STORES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Alpine
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, Red Hat, Amazon Linux
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
)
PIP_TIMEOUT_S = 20


def trust(environ: Mapping[str, str], configured: str, stores: Iterable[Path]) -> dict[str, str]:
    """Return the variables, with the same authorities for all installers.

    What is set already stays as it is.

    Parameters
    ----------
    environ
        The caller's.
    configured
        The bundle in pip's own configuration.
    stores
        Where systems have theirs; used if nobody has said anything.
    """
    told = [environ.get(PIP), configured, *map(environ.get, VARIABLES)]
    system = (str(store) for store in stores if store.is_file())
    bundle = next(filter(None, told), None) or next(system, None)
    given = {name: value for name, value in environ.items() if value or name not in (PIP, UV, NPM)}
    return {**dict.fromkeys((PIP, UV, NPM), bundle), **given} if bundle else given


def read_pip_certificate(python: Path) -> str:
    """Return the bundle that the configuration files of a Python's pip name, or nothing."""
    command = [str(python), "-m", "pip", "config", "list"]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, capture_output=True, text=True, check=False, timeout=PIP_TIMEOUT_S
    )
    found = dict(re.findall(r"^(global|install)\.cert=('.*'|\".*\")$", done.stdout, re.MULTILINE))
    literal = found.get("install") or found.get("global")
    return str(ast.literal_eval(literal)) if literal else ""


def make_environ() -> dict[str, str]:
    """Return the variables of an installer that this process starts."""
    # An active environment of the caller must not receive the packages.
    unwanted = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}
    own = {name: value for name, value in os.environ.items() if name not in unwanted}
    return trust(own, read_pip_certificate(PYTHON) if PYTHON.exists() else "", SYSTEM_STORES)
