"""Validation errors in the format of generation A, whose services ran on pydantic 1."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

NOT_AN_INTEGER = ("value is not a valid integer", "type_error.integer")
NOT_A_FLOAT = ("value is not a valid float", "type_error.float")
NOT_A_BOOLEAN = ("value could not be parsed to a boolean", "type_error.bool")
NOT_A_UUID = ("value is not a valid uuid", "type_error.uuid")
NOT_A_DICT = ("value is not a valid dict", "type_error.dict")

WORDS = {
    "missing": ("field required", "value_error.missing"),
    "int_parsing": NOT_AN_INTEGER,
    "int_type": NOT_AN_INTEGER,
    "int_from_float": NOT_AN_INTEGER,
    "float_parsing": NOT_A_FLOAT,
    "float_type": NOT_A_FLOAT,
    "bool_parsing": NOT_A_BOOLEAN,
    "bool_type": NOT_A_BOOLEAN,
    "uuid_parsing": NOT_A_UUID,
    "uuid_type": NOT_A_UUID,
    "dict_type": NOT_A_DICT,
    "model_attributes_type": NOT_A_DICT,
    "string_type": ("str type expected", "type_error.str"),
}


def answer_validation_error(request: Request, exc: Exception) -> JSONResponse:
    """Return the 422 answer to a request that does not fit its model."""
    errors = exc.errors() if isinstance(exc, RequestValidationError) else []
    return JSONResponse({"detail": [_translate(error) for error in errors]}, 422)


def _translate(error: dict[str, Any]) -> dict[str, Any]:
    kind = error["type"]
    if kind in WORDS:
        message, name = WORDS[kind]
    elif kind in ("enum", "literal_error"):
        permitted = error["ctx"]["expected"].replace(" or ", ", ")
        message = f"value is not a valid enumeration member; permitted: {permitted}"
        name = "type_error.enum"
    elif kind == "json_invalid":
        message, name = error["ctx"]["error"], "value_error.jsondecode"
    else:
        message, name = error["msg"], f"value_error.{kind}"
    return {"loc": list(error["loc"]), "msg": message, "type": name}
