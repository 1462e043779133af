"""Refusals in the form of generation A: pydantic 1's words, and the bare answer to a crash."""

import json
import re
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.background import BackgroundTask

WORDS = {
    "missing": ("field required", "value_error.missing"),
    "int": ("value is not a valid integer", "type_error.integer"),
    "float": ("value is not a valid float", "type_error.float"),
    "bool": ("value could not be parsed to a boolean", "type_error.bool"),
    "uuid": ("value is not a valid uuid", "type_error.uuid"),
    "dict": ("value is not a valid dict", "type_error.dict"),
    "model": ("value is not a valid dict", "type_error.dict"),
    "list": ("value is not a valid list", "type_error.list"),
    "date": ("invalid date format", "value_error.date"),
    "string": ("str type expected", "type_error.str"),
}
NULL = ("none is not an allowed value", "type_error.none.not_allowed")


class UnhandledError(Exception):
    """The original crashes here."""


def answer_unhandled(request: Request, exc: Exception) -> PlainTextResponse:
    """Return the answer to a request that crashes a service, which then closes the connection."""
    transport = request.scope.get("state", {}).get("transport")
    close = BackgroundTask(transport.close) if transport else None
    return PlainTextResponse("Internal Server Error", 500, background=close)


def answer_validation_error(request: Request, exc: Exception) -> JSONResponse:
    """Return the 422 answer to a request that does not fit its model."""
    if not isinstance(exc, RequestValidationError):
        raise exc
    return JSONResponse({"detail": [_translate(error, exc.body) for error in exc.errors()]}, 422)


def _translate(error: dict[str, Any], body: Any) -> dict[str, Any]:
    kind, loc, context = error["type"], list(error["loc"]), error.get("ctx", {})
    if kind == "json_invalid":
        fault = json.JSONDecodeError(context["error"], body, loc[-1])
        context = {key: getattr(fault, key) for key in ("msg", "doc", "pos", "lineno", "colno")}
        told = {"msg": str(fault), "type": "value_error.jsondecode", "ctx": context}
    elif kind != "missing" and error["input"] is None:
        told = dict(zip(("msg", "type"), NULL, strict=True))
    elif kind in ("enum", "literal_error"):
        told = _refuse_choice(error["input"], context["expected"], is_enum=kind == "enum")
    else:
        family = kind.split("_")[0]
        words = WORDS.get(kind) or WORDS.get(family) or (error["msg"], f"value_error.{kind}")
        told = dict(zip(("msg", "type"), words, strict=True))
    return {"loc": loc, **told}


def _refuse_choice(given: Any, expected: str, *, is_enum: bool) -> dict[str, Any]:
    values = re.findall("'([^']*)'", expected)
    permitted = ", ".join(f"'{value}'" for value in values)
    if is_enum:
        text, kind = "value is not a valid enumeration member", "type_error.enum"
        return {
            "msg": f"{text}; permitted: {permitted}",
            "type": kind,
            "ctx": {"enum_values": values},
        }
    context = {"given": given, "permitted": values}
    return {
        "msg": f"unexpected value; permitted: {permitted}",
        "type": "value_error.const",
        "ctx": context,
    }
