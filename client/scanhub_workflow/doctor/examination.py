"""The doctor's checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from scanhub_workflow.bounded import BoundedClient
from scanhub_workflow.doctor.checks import Check, Outcome, failed, hide_secrets, skipped
from scanhub_workflow.doctor.edge_checks import (
    API_CORS,
    LOGIN,
    REFUSAL,
    SLASH,
    check_api_cors,
    check_login_manager,
    check_refusal,
    check_slash,
)
from scanhub_workflow.doctor.reachability import Readiness, check_url, reach
from scanhub_workflow.doctor.service_checks import (
    check_airflow,
    check_airflow_unasked,
    check_form,
    check_readiness,
    check_token,
)
from scanhub_workflow.doctor.storage_checks import CORS, STORAGE, check_storage
from scanhub_workflow.doctor.version_check import check_version
from scanhub_workflow.http import Api
from scanhub_workflow.retry import Retry
from scanhub_workflow.upload_operations import UploadOperations
from scanhub_workflow.version import __version__

NAMES = (
    "url",
    "connection",
    "clock",
    "readiness",
    SLASH,
    REFUSAL,
    LOGIN,
    API_CORS,
    "token",
    "version",
    "airflow",
    STORAGE,
    CORS,
)
TIMEOUT = httpx.Timeout(10)
TOTAL_S = 20
# Once more and at once: a connection that was closed meanwhile is no finding.
_RETRY = Retry(n_attempts=2, first_wait_s=0)


@dataclass(frozen=True)
class Expectation:
    """What whoever asks knows of the deployment.

    Parameters
    ----------
    web_origin
        Origin of the web page that is to call the API; None takes the one that the API names.
    has_token
        Whether it is a fault that no token is given; else what needs one is not checked.
    """

    web_origin: str | None = None
    has_token: bool = True


@dataclass(frozen=True)
class _Patient:
    url: str
    token: str = field(repr=False)
    expected: Expectation
    transport: httpx.BaseTransport | None
    storage_transport: httpx.BaseTransport | None
    now: Callable[[], datetime]

    def connect(self, *, with_token: bool = False) -> httpx.Client:
        headers = {"User-Agent": f"scanhub-workflow/{__version__}"}
        if with_token:
            headers["Authorization"] = f"Bearer {self.token}"
        return BoundedClient(
            TOTAL_S,
            base_url=self.url,
            headers=headers,
            timeout=TIMEOUT,
            transport=self.transport,
        )

    def connect_to_storage(self) -> httpx.Client:
        return BoundedClient(TOTAL_S, timeout=TIMEOUT, transport=self.storage_transport)


def _tell_time() -> datetime:
    return datetime.now(UTC)


def examine(
    url: str,
    token: str | None,
    expected: Expectation = Expectation(),
    *,
    transport: httpx.BaseTransport | None = None,
    storage_transport: httpx.BaseTransport | None = None,
    now: Callable[[], datetime] = _tell_time,
) -> Iterator[Check]:
    """Yield what is found, check by check, in the order of `NAMES`; raise nothing.

    Starts nothing; it plans an upload of one byte and aborts it. No check tells the token, a
    presigned URL or a query string.

    Parameters
    ----------
    url
        Of the API, up to ``/workflowmanager``.
    token
        Of the user.
    expected
        What is known of the deployment.
    transport, storage_transport
        How to reach the API and S3; httpx's own if left out.
    now
        This computer's clock, with its time zone.
    """
    token = (token or "").strip()
    patient = _Patient(url.strip(), token, expected, transport, storage_transport, now)
    n_done = 0
    try:
        for check in _examine(patient):
            n_done += 1
            yield hide_secrets(check, token)
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill still says where
        for name in NAMES[n_done : n_done + 1]:
            detail = f"This check broke ({type(error).__name__})."
            yield failed(name, detail, "Report this line to those who develop this client.")
        yield from _skip(NAMES[n_done + 1 :], "The check before it broke.")


def _skip(names: Iterable[str], reason: str) -> Iterator[Check]:
    return (skipped(name, reason) for name in names)


def _examine(patient: _Patient) -> Iterator[Check]:
    checked = check_url(patient.url)
    yield checked
    if checked.outcome is Outcome.FAILED:
        yield from _skip(NAMES[1:], "The URL cannot be used.")
        return
    with ExitStack() as stack:
        try:
            http = stack.enter_context(patient.connect())
            storage = stack.enter_context(patient.connect_to_storage())
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:
            yield _blame_settings(error)
            yield from _skip(NAMES[2:], "No connection could be made.")
            return
        reached = reach(http, patient.now)
        yield reached.connection
        yield reached.clock
        if reached.readiness is None:
            yield from _skip(NAMES[3:], "The API was not reached.")
            return
        yield check_readiness(reached.readiness)
        for check in (check_slash, check_refusal, check_login_manager):
            yield check(http)
        checked, origin = check_api_cors(http, patient.expected.web_origin)
        yield checked
        yield from _examine_as_user(patient, (http, storage), reached.readiness, origin)


def _blame_settings(error: Exception) -> Check:
    detail = f"The settings of this computer allow no connection ({type(error).__name__})."
    advice = (
        "Check the environment variables HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, "
        "SSL_CERT_FILE and SSL_CERT_DIR."
    )
    return failed("connection", detail, advice)


def _examine_as_user(
    patient: _Patient,
    clients: tuple[httpx.Client, httpx.Client],
    readiness: Readiness,
    origin: str | None,
) -> Iterator[Check]:
    http, storage = clients
    unfit = check_form(patient.token, is_needed=patient.expected.has_token)
    # A token that is unfit to be sent is not sent.
    with patient.connect(with_token=unfit is None) as authorized:
        api = Api(authorized, _RETRY)
        checked = unfit or check_token(api)
        yield checked
        yield check_version(http)
        if checked.outcome in {Outcome.FAILED, Outcome.SKIPPED}:
            reason = "There is no token that is known to be valid."
            yield check_airflow_unasked(readiness, reason)
            yield from _skip([STORAGE, CORS], reason)
            return
        checked, dags = check_airflow(api, readiness)
        yield checked
        usable = [dag.dag_id for dag in dags if not dag.is_paused and not dag.has_import_errors]
        if not usable:
            yield from _skip([STORAGE, CORS], "No DAG is known that would take an upload.")
            return
        yield from check_storage(UploadOperations(api), storage, usable[0], origin)
