"""Tell which generation of ScanHub answers, by fields that only one of them has."""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import httpx
from pydantic import BaseModel

from workflow_manager.clients.http import parse_json, read_model
from workflow_manager.contract import Contract
from workflow_manager.domain.errors import ForeignContractError, UpstreamError
from workflow_manager.observability import logger

EXAM_MANAGER, PATIENT_MANAGER, DEVICE_MANAGER = "exam-manager", "patient-manager", "device-manager"
# Between the two that we speak: tasks were typed already, but took one input and had no place.
JULY_2025 = "2025-07"

ModelT = TypeVar("ModelT", bound=BaseModel)
# The generation, and the field that tells it.
Sign = tuple[str, str]


def read_record(
    model: type[ModelT],
    response: httpx.Response,
    detail: str,
    service: str,
    contract: Contract,
) -> ModelT:
    """Return an answer as a model of one contract.

    Raises
    ------
    ForeignContractError
        It is an answer of another one.
    UpstreamError
        It does not fit.
    """
    try:
        return read_model(model, response, detail)
    except UpstreamError:
        refuse_foreign(parse_json(response), service, contract)
        raise


def refuse_foreign(record: object, service: str, contract: Contract) -> None:
    """Return unless a record is of another generation than the contract.

    Raises
    ------
    ForeignContractError
        It is.
    """
    sign = _find_sign(record, service)
    if sign is not None and sign[0] != contract:
        _refuse(service, sign, contract)


def find_foreign(document: object, contract: Contract) -> str | None:
    """Return in words which other contract exam-manager's OpenAPI document tells; None: no other.

    Parameters
    ----------
    document
        The document; of one that is none of exam-manager's, nothing is told.
    """
    sign = _read_document(document)
    if sign is None or sign[0] == contract:
        return None
    return _log(EXAM_MANAGER, sign, contract).detail


def _refuse(service: str, sign: Sign, contract: Contract) -> NoReturn:
    raise _log(service, sign, contract)


def _log(service: str, sign: Sign, contract: Contract) -> ForeignContractError:
    spoken, field = sign
    error = ForeignContractError(service, spoken, contract)
    logger.error("ScanHub speaks another contract", extra={"reason": error.detail, "field": field})
    return error


def _find_sign(record: object, service: str) -> Sign | None:
    if isinstance(record, list):
        return next((sign for each in record if (sign := _find_sign(each, service))), None)
    if not isinstance(record, Mapping):
        return None
    if service == PATIENT_MANAGER:
        has_sizes = "height" in record and "weight" in record
        return None if has_sizes or "birth_date" not in record else (Contract.MARCH_2025, "height")
    if service == DEVICE_MANAGER:
        return (Contract.MARCH_2025, "ip_address") if "ip_address" in record else None
    inside = [record.get("tasks"), record.get("workflows")]
    return _find_task_sign(record) or _find_sign([each for each in inside if each], service)


def _find_task_sign(record: Mapping[str, Any]) -> Sign | None:
    if "task_type" in record:
        if "position" in record:
            return Contract.FEBRUARY_2026, "task_type"
        return JULY_2025, "input_id" if "input_id" in record else "task_type"
    is_task = "type" in record and "args" in record
    return (Contract.MARCH_2025, "type") if is_task else None


def _read_document(document: object) -> Sign | None:
    schemas = _get(_get(document, "components"), "schemas")
    of_dag = _get(_get(schemas, "BaseDAGTask"), "properties")
    if "input_task_ids" in of_dag:
        return Contract.FEBRUARY_2026, "BaseDAGTask.input_task_ids"
    if "input_id" in of_dag:
        return JULY_2025, "BaseDAGTask.input_id"
    if any(path.endswith("/task/reorder") for path in _get(document, "paths")):
        return Contract.FEBRUARY_2026, "/task/reorder"
    is_first = "type" in _get(_get(schemas, "BaseTask"), "properties")
    return (Contract.MARCH_2025, "BaseTask.type") if is_first else None


def _get(value: object, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}
