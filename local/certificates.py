"""The certificates that every installer trusts: pip, uv, npm (standard library only).

A company's network may replace the registries' certificates with its own. Each installer learns the
company's authority in its own way. If one of them is set, all of them use it; else the system's
store holds.
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
# In the order in which they are read; the last two are those of requests and curl.
VARIABLES = (PIP, UV, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SYSTEM_STORES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian, Ubuntu, Arch, Alpine
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora, Red Hat, Amazon Linux
    Path("/etc/ssl/ca-bundle.pem"),  # SUSE
)
PIP_TIMEOUT_S = 20


def trust(environ: Mapping[str, str], configured: str, stores: Iterable[Path]) -> dict[str, str]:
    """Return the variables, with the same authorities for all installers.

    Variables that are set already stay.

    Parameters
    ----------
    configured
        The bundle in pip's own configuration.
    stores
        Where systems keep their bundle; used if nothing is configured.
    """
    told = [environ.get(PIP), configured, *map(environ.get, VARIABLES)]
    system = (str(store) for store in stores if store.is_file())
    bundle = next(filter(None, told), None) or next(system, None)
    given = {name: value for name, value in environ.items() if value or name not in (PIP, UV, NPM)}
    return {**dict.fromkeys((PIP, UV, NPM), bundle), **given} if bundle else given


def read_pip_certificate(python: Path) -> str:
    """Return the bundle that the configuration of a Python's pip names, or nothing."""
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
