"""Generate the client's models from the OpenAPI: ``python -m tools.client_models``."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.install import install_tool
from tools.openapi import DOCUMENT, ROOT

MODELS = ROOT / "client/scanhub_workflow/models.py"
REQUIREMENTS = ROOT / "requirements/client-models.txt"
# An environment of its own: nothing that runs or is tested depends on the generator.
ENVIRONMENT = ROOT / ".local-client-models"
# The models of what DAGs send, and of a form that the client's own method fills.
NOT_FOR_CLIENTS = ("Callback", "Body_upload_and_trigger")
# FastAPI's titles repeat the names of the fields, and the server checks lengths.
NOT_KEPT = {"title", "pattern", "minimum", "maximum"} | {
    f"{bound}{what}" for bound in ("min", "max") for what in ("Length", "Items", "Properties")
}
OPTIONS = """
--input-file-type openapi --output-model-type pydantic_v2.BaseModel --target-python-version 3.11
--formatters builtin --disable-timestamp --use-standard-collections --use-union-operator
--use-annotated --field-constraints --strict-nullable --use-schema-description
--use-single-line-docstring --keep-model-order --use-double-quotes --use-subclass-enum
""".split()


def read_schemas() -> dict[str, Any]:
    """Return the part of the OpenAPI that the models are made from."""
    schemas: dict[str, Any] = json.loads(DOCUMENT.read_text())["components"]["schemas"]
    return {name: _simplify(s) for name, s in schemas.items() if name not in NOT_FOR_CLIENTS}


def make_header() -> str:
    """Return the first lines of the models, which tell what they were made from."""
    digest = hashlib.sha256(json.dumps(read_schemas(), sort_keys=True).encode()).hexdigest()
    return (
        '"""What the API sends and takes; unknown fields of a newer server are ignored."""\n\n'
        "# Generated from the OpenAPI document: do not edit, run `make client-models`.\n"
        f"# SHA-256 of its schemas: {digest}\n"
    )


def main() -> None:
    """Write the models."""
    with tempfile.TemporaryDirectory() as folder:
        header, document = Path(folder, "header"), Path(folder, "openapi.json")
        header.write_text(make_header())
        document.write_text(_make_document())
        paths = ["--input", document, "--output", MODELS, "--custom-file-header-path", header]
        tools = install_tool(REQUIREMENTS, ENVIRONMENT)
        command = [str(part) for part in (tools / "datamodel-codegen", *OPTIONS, *paths)]
        subprocess.run(command, check=True)  # noqa: S603 - our own words, no shell
    ruff = str(Path(sys.executable).with_name("ruff"))
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([ruff, *arguments, str(MODELS)], check=True)  # noqa: S603 - our own words, no shell


def _simplify(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_simplify(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # A dictionary is no limit, but a field of that name.
    kept = {k: v for k, v in schema.items() if k not in NOT_KEPT or isinstance(v, dict)}
    return {name: _simplify(value) for name, value in kept.items()}


def _make_document() -> str:
    info = {"title": "ScanHub Workflow Manager", "version": "1"}
    components = {"schemas": read_schemas()}
    return json.dumps({"openapi": "3.1.0", "info": info, "paths": {}, "components": components})


if __name__ == "__main__":
    main()
