"""Merge the OpenAPI of all functions into one document: ``python -m local.openapi [--check]``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI

ROOT = Path(__file__).parents[1]
# Beside the function that serves it; docs/openapi.json is a link to it.
DOCUMENT = ROOT / "functions/get_openapi/openapi.json"
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


def merge_apps() -> FastAPI:
    """Return one app with the routes of all functions, for the description and for tests."""
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
    schemas |= {"Problem": PROBLEM, "InvalidField": INVALID_FIELD}
    # FastAPI's own error model, which nothing answers with.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the document, or check that it is current."""
    text = make_document()
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(text, encoding="utf-8")
        return 0
    if DOCUMENT.is_file() and DOCUMENT.read_text(encoding="utf-8") == text:
        return 0
    print("docs/openapi.json is not current: run make openapi.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
