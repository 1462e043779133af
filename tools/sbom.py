"""Say what the artefact is made of: a CycloneDX SBOM of the layer, and one of the DAGs.

Nothing of the time or of chance is in it: the same locks make the same files.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from local.config import ROOT, StackError

LAYER_LOCK = ROOT / "layers/workflow_manager/requirements.txt"
DAGS_LOCK = ROOT / "dags/requirements.txt"
TIMEOUT_S = 60


def write_sboms(folder: Path) -> None:
    """Write both.

    Parameters
    ----------
    folder
        Gets ``layer.cdx.json``, what this Python installs of its lock, and ``dags.cdx.json``, the
        whole lock: Airflow's own Python chooses from it.

    Raises
    ------
    StackError
        CycloneDX refuses a lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_sbom("\n".join(select_entries(LAYER_LOCK.read_text())), folder / "layer.cdx.json")
    write_sbom(DAGS_LOCK.read_text(), folder / "dags.cdx.json")


def select_entries(lock: str) -> list[str]:
    """Return the entries of a lock that this Python installs."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    pinned = [Requirement(entry.partition("\\")[0]) for entry in entries]
    return [
        entry
        for entry, requirement in zip(entries, pinned, strict=True)
        if requirement.marker is None or requirement.marker.evaluate()
    ]


def write_sbom(lock: str, target: Path) -> None:
    """Write what a lock pins as CycloneDX JSON, checked against its schema.

    Parameters
    ----------
    lock
        Requirements with hashes.
    target
        The file.

    Raises
    ------
    StackError
        CycloneDX refuses it.
    """
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [program, "requirements", "--output-reproducible", "--validate", "-o", str(target)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "-"]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, input=lock, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise StackError(f"There is no SBOM: {done.stderr.strip()}")
