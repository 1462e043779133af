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
ENUM = ("value is not a valid enumeration member", "type_error.enum")
LITERAL = ("unexpected value", "value_error.const")
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
    told: dict[str, Any] = {}
    if kind == "json_invalid":
        fault = json.JSONDecodeError(context["error"], body, loc[-1])
        words = str(fault), "value_error.jsondecode"
        told = {key: getattr(fault, key) for key in ("msg", "doc", "pos", "lineno", "colno")}
    elif kind != "missing" and error["input"] is None:
        words = NULL
    elif kind in ("enum", "literal_error"):
        values = re.findall("'([^']*)'", context["expected"])
        if kind == "enum":
            (text, name), told = ENUM, {"enum_values": values}
        else:
            (text, name), told = LITERAL, {"given": error["input"], "permitted": values}
        words = f"{text}; permitted: {str(values)[1:-1]}", name
    else:
        known = WORDS.get(kind.split("_")[0])
        words = known or (error["msg"], f"value_error.{kind}")
    return {"loc": loc, "msg": words[0], "type": words[1]} | ({"ctx": told} if told else {})
