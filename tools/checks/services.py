"""Checks of ScanHub's services, at the URLs that the functions will call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import httpx

from scanhub_workflow.doctor.checks import Check, Outcome, failed, ok, skipped
from tools.http_probe import Answer, explain, get
from workflow_manager.clients.generations import find_foreign
from workflow_manager.contract import Contract

# Exam-manager's description of itself has 100 KB and more.
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024

# What the functions append to each URL, and the path that refuses a caller without a token.
PREFIXES = {
    "UserLoginManagerUri": ("/api/v1/userlogin", "getcurrentuser"),
    "ExamManagerUri": ("/api/v1/exam", "workflow/00000000-0000-0000-0000-000000000000"),
    "PatientManagerUri": ("/api/v1/patient", "0"),
    "SequenceManagerUri": ("/api/v1/mri/sequences", "0"),
    "DeviceManagerUri": ("/api/v1/device", "00000000-0000-0000-0000-000000000000"),
}


def check_service(
    parameter: str, values: Mapping[str, str], transport: httpx.BaseTransport | None = None
) -> Iterator[Check]:
    """Tell whether the service of a parameter answers; the parameter is its base URL."""
    contract = Contract(values.get("ScanHubContract") or Contract.MARCH_2025)
    if parameter == "SequenceManagerUri" and contract is Contract.FEBRUARY_2026:
        yield skipped(parameter, "Nothing calls it: exam-manager has the sequences.")
        return
    base = values[parameter].rstrip("/")
    prefix, protected = PREFIXES[parameter]
    try:
        answer = get(f"{base}{prefix}/health/readiness", transport)
        if answer.status != httpx.codes.OK or answer.is_page:
            # Not every service has a health check.
            answer = get(f"{base}{prefix}/{protected}", transport)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        if values.get("SubnetIds"):
            detail = f"Could not be checked from outside the VPC: {explain(error)}."
            yield skipped(parameter, detail)
        else:
            advice = "Correct the URL, or start the service."
            yield failed(parameter, f"{explain(error)}.", advice)
        return
    check = _judge(parameter, answer, prefix)
    if parameter == "ExamManagerUri" and check.outcome is Outcome.OK:
        check = _judge_contract(f"{base}{prefix}/openapi.json", contract, transport) or check
    yield check


def _judge_contract(
    url: str, contract: Contract, transport: httpx.BaseTransport | None
) -> Check | None:
    try:
        document = get(url, transport, MAX_DOCUMENT_BYTES).read_json()
    except httpx.HTTPError:
        # A gateway may not show it.
        return None
    if (found := find_foreign(document, contract)) is None:
        return None
    advice = "Set ScanHubContract to the generation of that ScanHub."
    return failed("ExamManagerUri", f"{found[0].detail}.", advice)


def _judge(parameter: str, answer: Answer, prefix: str) -> Check:
    status = answer.status
    if 300 <= status < 400:
        advice = "Write the URL that it leads to: tokens get lost on the way."
        return failed(parameter, f"The URL leads elsewhere (HTTP {status}).", advice)
    if answer.is_page:
        advice = f"Write scheme, host and port of the service; {prefix} is appended."
        return failed(parameter, "A web page answers, not the service.", advice)
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return ok(parameter, "It answers.")
    if status == httpx.codes.OK:
        return ok(parameter, "It is ready.")
    if status >= 500:
        return failed(parameter, f"It fails (HTTP {status}).", "Mend the service first.")
    advice = f"Write scheme, host and port only: the functions append {prefix}."
    return failed(parameter, f"It has no such path (HTTP {status}).", advice)
