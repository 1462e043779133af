"""Make the output of ``sam build`` lean: add bytecode, and remove what no function reads.

sam knows the functions' architecture and runs pip for it; this changes its output in place, and may
run twice.
"""

from __future__ import annotations

import ast
import compileall
import gzip
import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

from local.config import ROOT, StackError
from tools.precompile import precompile

LAYER = "WorkflowManagerLayer"
# Where Lambda puts them. Python corrects bytecode that names another path at each import, and it
# would differ between machines.
LAYER_ROOT, TASK_ROOT = "/opt/python", "/var/task"
AWS_MODULE = ROOT / "layers" / "workflow_manager" / "workflow_manager" / "aws.py"
# The files of a dist-info that stay: packages and Amazon Inspector read the version there, and
# whoever passes the layer on needs the licences.
KEPT_METADATA = ("METADATA", "LICEN", "NOTICE", "COPYING")
USELESS = (
    "bin",
    "**/__pycache__",
    "**/tests",
    "**/*.pyi",
    "**/py.typed",
    # FastAPI imports Pydantic 1 to recognise its models, and does without if it is not installed:
    # that saves 12 ms of every cold start.
    "pydantic/v1",
    "pydantic/mypy.py",
    "boto3/data",
    "boto3/examples",
    "botocore/data/*/*/examples-1.json*",
)
BOTOCORE_DATA = Path("botocore", "data")


@dataclass(frozen=True)
class ArtefactSize:
    """The size of a layer with one function.

    Attributes
    ----------
    unpacked_bytes, zip_bytes
        Size on Lambda's disk, and of the upload [bytes].
    """

    unpacked_bytes: int
    zip_bytes: int

    def __add__(self, other: ArtefactSize) -> ArtefactSize:
        """Return both together."""
        return ArtefactSize(
            self.unpacked_bytes + other.unpacked_bytes, self.zip_bytes + other.zip_bytes
        )

    def __str__(self) -> str:
        """Return it for people."""
        return f"{self.unpacked_bytes / 1e6:.1f} MB, {self.zip_bytes / 1e6:.1f} MB as zip"


def mark_layer(folder: Path, overrides: Sequence[str]) -> None:
    """Make the layer differ if parameters do, because SAM publishes only changed code."""
    digest = hashlib.sha256("\n".join(sorted(overrides)).encode()).hexdigest()
    (folder / LAYER / "parameters.sha256").write_text(digest)


def finish_build(folder: Path, *, has_bytecode: bool = True) -> ArtefactSize:
    """Make a build's layer and functions lean; return the size of the layer and largest function.

    Parameters
    ----------
    has_bytecode
        Whether to add bytecode: only the functions' own version of Python can.

    Raises
    ------
    StackError
        botocore no longer knows a service of AWS, or a file does not compile.
    """
    layer = folder / LAYER / "python"
    functions = [path.parent for path in folder.glob("*/app.py")]
    remove_useless(layer)
    trim_botocore(layer / BOTOCORE_DATA, list_aws_services())
    if has_bytecode:
        precompile(layer)
        compile_folder(layer, LAYER_ROOT)
        for function in functions:
            compile_folder(function, TASK_ROOT)
    largest = max(map(measure_size, functions), key=lambda size: size.zip_bytes)
    return measure_size(layer.parent) + largest


def list_aws_services() -> tuple[str, ...]:
    """Return the services that the layer makes clients of, as its type `AwsService` names them."""
    for node in ast.parse(AWS_MODULE.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name("AwsService")], value=ast.Subscript(slice=names)):
                return tuple(ast.literal_eval(names))
    raise StackError(f"{AWS_MODULE} does not define AwsService.")


def remove_useless(layer: Path) -> None:
    """Remove what no function reads from a layer's Python folder."""
    for pattern in USELESS:
        for path in list(layer.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                # A folder inside one that is removed is gone already.
                path.unlink(missing_ok=True)
    for path in list(layer.glob("*.dist-info/**/*")):
        if path.is_file() and not path.name.startswith(KEPT_METADATA):
            path.unlink()


def trim_botocore(data: Path, services: Iterable[str]) -> None:
    """Keep only some services in botocore's folder ``data``, without documentation.

    Reading it is a good part of making a client: 20 ms of a cold start, and 10 MB of memory.
    """
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in services:
            shutil.rmtree(folder)
    prefixes = {_find_endpoint_prefix(data / service) for service in services}
    for path in list(data.rglob("*.json*")):
        content = _load(path)
        if path.name.startswith("endpoints.json"):
            for partition in content["partitions"]:
                known = partition["services"]
                partition["services"] = {name: known[name] for name in known if name in prefixes}
        path.unlink()
        # Not compressed, because the whole layer is.
        text = json.dumps(_without_documentation(content), separators=(",", ":"))
        path.with_name(path.name.removesuffix(".gz")).write_text(text)


def _find_endpoint_prefix(service: Path) -> str:
    models = sorted(service.glob("*/service-2.json*"))
    if not models:
        raise StackError(f"botocore knows no service {service.name}.")
    return str(_load(models[-1])["metadata"]["endpointPrefix"])


def _load(path: Path) -> Any:
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def _without_documentation(value: Any) -> Any:
    match value:
        case Mapping():
            # The key stays, because botocore reads it in places. A member of a shape may have that
            # name too, but its value is no text.
            return {
                key: ""
                if key == "documentation" and isinstance(each, str)
                else _without_documentation(each)
                for key, each in value.items()
            }
        case list():
            return [_without_documentation(each) for each in value]
    return value


def compile_folder(folder: Path, place: str) -> None:
    """Add bytecode: without it a cold start takes 2.7 times as long, as Lambda's disk is read-only.

    Python does not compare it with the source's time, which unpacking changes.

    Parameters
    ----------
    place
        The path that the sources will have on Lambda.
    """
    is_done = compileall.compile_dir(
        folder,
        quiet=1,
        stripdir=str(folder),
        prependdir=place,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )
    if not is_done:
        raise StackError(f"{folder} does not compile.")


def measure_size(folder: Path) -> ArtefactSize:
    """Return the size of what is deployed from a layer's or a function's folder."""
    packed = BytesIO()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    return ArtefactSize(sum(path.stat().st_size for path in files), packed.tell())
