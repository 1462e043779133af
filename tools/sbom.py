"""Write CycloneDX SBOMs of the layer, of the DAGs and of /docs.

They hold no time and no random id: the same locks make the same files.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from local.config import ROOT, StackError
from local.swagger_ui import TARGET as SWAGGER_UI

LAYER_LOCK = ROOT / "layers/workflow_manager/requirements.txt"
DAGS_LOCK = ROOT / "dags/requirements.txt"
DEV_LOCK = ROOT / "requirements/dev.txt"
TIMEOUT_S = 60


def write_sboms(folder: Path) -> None:
    """Write all SBOMs into a folder.

    Parameters
    ----------
    folder
        Gets ``layer.cdx.json``, which lists what this Python installs of its lock;
        ``dags.cdx.json``, which lists the whole lock, as Airflow's own Python chooses from it; and
        ``docs.cdx.json``, which lists the page's files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_sbom("\n".join(select_entries(LAYER_LOCK.read_text())), folder / "layer.cdx.json")
    write_sbom(DAGS_LOCK.read_text(), folder / "dags.cdx.json")
    _write_sbom_of_docs(folder / "docs.cdx.json")


def _write_sbom_of_docs(target: Path) -> None:
    # Scanners for vulnerabilities know these files by their npm name, not by that of the Python
    # package that holds them.
    entries = select_entries(DEV_LOCK.read_text())
    [entry] = [each for each in entries if each.startswith("flask-swagger-ui==")]
    write_sbom(entry, target)
    sbom = json.loads(target.read_text())
    [component] = sbom["components"]
    version = (SWAGGER_UI / "VERSION").read_text().strip().removeprefix("v")
    name = "swagger-ui-dist"
    component |= {"name": name, "version": version, "purl": f"pkg:npm/{name}@{version}"}
    component["licenses"] = [{"license": {"id": "Apache-2.0"}}]
    target.write_text(json.dumps(sbom, indent=2))


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
    """Write what a lock pins as CycloneDX JSON, checked against its schema."""
    program = str(Path(sys.executable).with_name("cyclonedx-py"))
    command = [program, "requirements", "--output-reproducible", "--validate", "-o", str(target)]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "-"]
    done = subprocess.run(  # noqa: S603 - our own words, no shell
        command, input=lock, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    if done.returncode:
        raise StackError(f"There is no SBOM: {done.stderr.strip()}")
