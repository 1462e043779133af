"""Describe the API in OpenAPI and in docs/api.md: ``python -m tools.openapi [--check]``.

There is a document for each contract of ScanHub, and a process makes that of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI

ROOT = Path(__file__).parents[1]
# Beside the function that serves it, and nowhere else.
FOLDER = ROOT / "functions/get_openapi"
DOCUMENT = FOLDER / "openapi.json"
PAGE = ROOT / "docs/api.md"
TABLE = re.compile(r"(?<=<!-- functions -->\n).*?(?=<!-- /functions -->)", re.DOTALL)
PROBLEM = {
    "title": "Problem",
    "description": "RFC 9457; `detail` is what ScanHub's clients read.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["about:blank"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"$ref": "#/components/schemas/InvalidField"}},
            ]
        },
        "reason": {"type": "string", "description": "More for the operator."},
        "attempt": {
            "type": "integer",
            "description": "The task's attempt, where another one was expected.",
        },
        "problems": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What keeps a workflow as a whole from being carried out.",
        },
        "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/RefusedTask"}},
        "not_checked": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What no service has answered.",
        },
    },
}
INVALID_FIELD = {
    "title": "InvalidField",
    "type": "object",
    "required": ["loc", "msg", "type"],
    "properties": {
        "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "msg": {"type": "string"},
        "type": {"type": "string"},
    },
}
REFUSED_TASK = {
    "title": "RefusedTask",
    "type": "object",
    "required": ["task_id", "problems"],
    "properties": {
        "task_id": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {"type": "string"},
            "description": "What keeps it from starting.",
        },
    },
}


def merge_apps() -> FastAPI:
    """Return an app with the routes of all functions, for the description and for tests."""
    merged = FastAPI(
        title="ScanHub Workflow Manager",
        version="1",
        description="Scans, uploads and Airflow DAG runs as one workflow.",
        servers=[{"url": "/api/v1/workflowmanager"}],
        redirect_slashes=False,
    )
    for path in sorted(ROOT.glob("functions/*/app.py")):
        module = importlib.import_module(f"functions.{path.parent.name}.app")
        if hasattr(module, "router"):
            merged.include_router(module.router)
    return merged


def make_document() -> str:
    """Return the merged document as text."""
    document: dict[str, Any] = merge_apps().openapi()
    schemas = document["components"]["schemas"]
    schemas |= {
        "Problem": PROBLEM,
        "InvalidField": INVALID_FIELD,
        "RefusedTask": REFUSED_TASK,
    }
    # FastAPI's own error model, which no answer of ours has.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def make_documents() -> dict[Path, str]:
    """Return the merged document of each contract, by its path."""
    # Here, because the generator of the client's models has no layer.
    from workflow_manager.contract import Contract
    from workflow_manager.http.docs_page import document_name

    return {FOLDER / document_name(each): _make_in_process(each) for each in Contract}


def _make_in_process(contract: str) -> str:
    # Routes are made with the import of a function.
    command = [sys.executable, "-m", "tools.openapi", "--document"]
    layer = str(ROOT / "layers/workflow_manager")
    environ = {**os.environ, "SCANHUB_CONTRACT": contract, "PYTHONPATH": layer}
    made = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - our own words
    return made.stdout.decode()


def make_page() -> str:
    """Return the page about the API, with a table of all functions."""
    rows = [*_describe_routes(), *_describe_event_functions()]
    table = ["| Function | Called by | What it does |", "|---|---|---|", *sorted(rows)]
    return TABLE.sub(lambda _: "\n".join(table) + "\n", PAGE.read_text(encoding="utf-8"))


def _describe_routes() -> Iterator[str]:
    for path, methods in merge_apps().openapi()["paths"].items():
        for method, operation in methods.items():
            text = operation["description"].split("\n\n")[0].replace("\n", " ")
            yield f"| `{operation['operationId']}` | {method.upper()} `{path}` | {text} |"


def _describe_event_functions() -> Iterator[str]:
    for path in sorted(ROOT.glob("functions/*/app.py")):
        module = importlib.import_module(f"functions.{path.parent.name}.app")
        if not hasattr(module, "router"):
            text = (module.lambda_handler.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            source = (module.__doc__ or "").rstrip(".")
            yield f"| `{path.parent.name}` | {source} | {text} |"


def main() -> int:
    """Write document and page, or check that they are up to date."""
    if "--document" in sys.argv[1:]:
        print(make_document(), end="")
        return 0
    texts = {**make_documents(), PAGE: make_page()}
    if "--check" not in sys.argv[1:]:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is not current: run make openapi.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
