"""What the artefact is said to be made of."""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from local.config import StackError
from tools.sbom import DAGS_LOCK, LAYER_LOCK, select_entries, write_sbom, write_sboms

HERE = f"python_version == '{sys.version_info.major}.{sys.version_info.minor}'"
HASH = "0" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build") / "sbom"
    write_sboms(folder)
    return folder


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def list_components(sbom: dict[str, Any]) -> set[str]:
    return {f"{each['name']}=={each['version']}" for each in sbom["components"]}


def read_pins(lock: Path) -> set[str]:
    lines = [line for line in lock.read_text().splitlines() if "==" in line and line[0] != " "]
    pins = [Requirement(line.rstrip("\\ ")) for line in lines]
    return {f"{pin.name}{pin.specifier}" for pin in pins}


@pytest.mark.parametrize(("name", "lock"), [("layer", LAYER_LOCK), ("dags", DAGS_LOCK)])
def test_sbom_is_cyclonedx_and_names_what_is_locked_with_hashes(
    folder: Path, name: str, lock: Path
) -> None:
    path = folder / f"{name}.cdx.json"
    sbom = read(path)

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text()) is None
    assert list_components(sbom) <= read_pins(lock)
    assert {each["name"] for each in sbom["components"]} >= {"boto3", "httpx"}
    for component in sbom["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["externalReferences"][0]["hashes"]
    assert sbom["metadata"]["component"]["name"] == "scanhub-workflow-manager"


def test_sbom_of_docs_names_swagger_ui_as_npm_does(folder: Path) -> None:
    path = folder / "docs.cdx.json"
    [component] = read(path)["components"]
    locked = version("flask-swagger-ui")

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text()) is None
    assert component["purl"] == f"pkg:npm/swagger-ui-dist@{locked}"
    assert component["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert component["externalReferences"][0]["hashes"]


def test_sbom_of_the_dags_has_the_whole_lock(folder: Path) -> None:
    assert list_components(read(folder / "dags.cdx.json")) == read_pins(DAGS_LOCK)


def test_sbom_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    lock = f"one==1.0 \\\n    --hash=sha256:{HASH}\n"
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path in (first, second):
        write_sbom(lock, path)

    assert first.read_bytes() == second.read_bytes()
    assert ["serialNumber" in read(path) for path in folder.iterdir()] == [False] * 3


def test_entries_of_another_python_are_left_out() -> None:
    lock = (
        f"one==1.0 \\\n    --hash=sha256:{HASH}\n"
        f"two==2.0 ; {HERE} \\\n    --hash=sha256:{HASH}\n"
        f"two==1.0 ; python_version < '3' \\\n    --hash=sha256:{HASH}\n"
    )

    assert [entry.split(maxsplit=1)[0] for entry in select_entries(lock)] == [
        "one==1.0",
        "two==2.0",
    ]


def test_sbom_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no SBOM"):
        write_sbom("one==1.0\n", tmp_path / "nowhere" / "sbom.json")
