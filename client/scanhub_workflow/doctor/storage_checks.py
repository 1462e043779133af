"""The doctor's last checks: whether S3 is there, for this computer and for the web page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import httpx

from scanhub_workflow.doctor.answers import ask, explain_error
from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warning
from scanhub_workflow.doctor.edge_checks import ANY_ORIGIN
from scanhub_workflow.doctor.reachability import TELL_OPERATOR, explain_failure, is_page
from scanhub_workflow.errors import PermissionDeniedError, ScanHubError
from scanhub_workflow.models import CreateUploadBody, UploadView
from scanhub_workflow.upload_operations import UploadOperations

STORAGE, CORS = "storage", "bucket CORS"


@dataclass(frozen=True)
class Preflight:
    """What S3 answered a browser's first question.

    Parameters
    ----------
    host
        That was asked.
    answer
        None if none came.
    failure
        Why none came, and what to do.
    """

    host: str
    answer: httpx.Response | None = None
    failure: tuple[str, str] = ("", "")


def check_storage(
    uploads: UploadOperations, storage: httpx.Client, dag_id: str, origin: str | None
) -> list[Check]:
    """Plan an upload, ask S3 whether the web page could send it, and abort it.

    Parameters
    ----------
    uploads
        The operations.
    storage
        For S3: without a token.
    dag_id
        What the upload is for.
    origin
        Of the web page; None if there is none.
    """
    body = CreateUploadBody(file_name="doctor.npy", size_bytes=1, dag_id=dag_id)
    key = uuid.uuid4().hex
    try:
        view = ask(lambda: uploads.create_upload(body, idempotency_key=key))
    except PermissionDeniedError:
        reason = "Your role may not upload."
        return [skipped(STORAGE, reason), skipped(CORS, reason)]
    except ScanHubError as error:
        detail, advice = explain_error(error)
        checked = failed(STORAGE, f"No upload could be planned. {detail}", advice)
        return [checked, skipped(CORS, "No upload could be planned.")]
    try:
        preflight = _ask_storage(storage, view, origin or ANY_ORIGIN)
    finally:
        is_aborted = _abort(uploads, view.upload_id)
    checked = _judge_storage(preflight, is_aborted)
    return [checked, _judge_cors(preflight, origin)]


def _abort(uploads: UploadOperations, upload_id: str) -> bool:
    try:
        ask(lambda: uploads.abort_upload(upload_id))
    except ScanHubError:
        return False
    return True


def _ask_storage(storage: httpx.Client, view: UploadView, origin: str) -> Preflight:
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    host = "S3"
    try:
        url = httpx.URL(view.parts[0].url)
        host = url.host or host
        return Preflight(host, storage.request("OPTIONS", url, headers=headers))
    except httpx.HTTPError as error:
        return Preflight(host, failure=_explain_silence(error, host))
    except (httpx.InvalidURL, ValueError, IndexError):
        return Preflight(host, failure=("The upload has no usable URL.", TELL_OPERATOR))


def _explain_silence(error: httpx.HTTPError, host: str) -> tuple[str, str]:
    detail, advice = explain_failure(error, host)
    return f"S3 cannot be reached: {detail}", f"{_let_through(host)} {advice}"


def _let_through(host: str) -> str:
    return f"Ask your network's administrator to let {host} through firewall and proxy."


def _judge_storage(preflight: Preflight, is_aborted: bool) -> Check:
    host, answer = preflight.host, preflight.answer
    if answer is None:
        return failed(STORAGE, *preflight.failure)
    if _is_from_elsewhere(answer):
        detail = f"Something else answers in place of {host} (HTTP {answer.status_code})."
        return failed(STORAGE, detail, _let_through(host))
    if answer.is_server_error:
        return failed(STORAGE, f"S3 fails (HTTP {answer.status_code}).", TELL_OPERATOR)
    if not is_aborted:
        advice = "Do nothing: the upload is empty, and its record goes by itself after some days."
        return warning(STORAGE, f"{host} answers, but the trial upload was not aborted.", advice)
    return ok(STORAGE, f"{host} answers.")


def _is_from_elsewhere(answer: httpx.Response) -> bool:
    # S3 sends XML, and redirects only where the client has the wrong region.
    is_proxy = answer.status_code == httpx.codes.PROXY_AUTHENTICATION_REQUIRED
    return is_page(answer) or is_proxy or 300 <= answer.status_code < 400


def _judge_cors(preflight: Preflight, origin: str | None) -> Check:
    answer = preflight.answer
    if origin is None:
        return skipped(CORS, "No web client is configured.")
    if answer is None or _is_from_elsewhere(answer) or answer.is_server_error:
        return skipped(CORS, "S3 did not answer.")
    if answer.is_success and answer.headers.get("Access-Control-Allow-Origin") in {origin, "*"}:
        return ok(CORS, f"The web page at {origin} may upload.")
    advice = (
        f"Tell the operator to deploy again with the parameter WebOrigin={origin}, which sets the "
        "bucket's CORS rule; uploads from Python work without it."
    )
    detail = f"S3 does not let the web page at {origin} upload (HTTP {answer.status_code})."
    return failed(CORS, detail, advice)
