"""Tell the workflow manager about a run, with the run's own callback token."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import httpx

from scanhub_dag.deadline import bound_client, keep_no_cookies, limit, take_nothing_packed

# For the next byte, and for all of one try.
_TIMEOUT_S, _TRY_S = 10.0, 15.0
_PROGRESS_S = 2.0
_MAX_ANSWER_BYTES = 1_000_000
# Until the last try begins; the images are stored by then, so that nothing is lost afterwards.
_TOTAL_S = 120.0
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.5, 30.0
# Timeout, too early, too many; beside them all that is the server's own fault. A 409 says that the
# run has ended otherwise, and would say so again.
_RETRIED_STATUS_CODES = frozenset({408, 425, 429})
_CONFLICT = "status 409"
# The server may or may not have seen the request; it records the same result once.
_RETRIED_ERRORS = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
)

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_logger = logging.getLogger(__name__)


class CallbackError(Exception):
    """The workflow manager did not take the message."""


class RunEndedError(CallbackError):
    """The run has ended before, by another outcome."""


class CallbackLostError(CallbackError):
    """The workflow manager could not be reached, however often it was tried."""


class ResultsCallback:
    """The workflow manager's `/results_ready/` endpoint, for one run.

    Parameters
    ----------
    endpoint
        Full URL.
    token
        The run's callback token.
    dag_id
        The DAG that speaks.
    traceparent
        W3C Trace Context of the run, sent along; left out if it is none.
    transport
        Stands in for the network in tests.
    sleep, clock
        Waits a number of seconds; tells a time that never goes back [s].
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        dag_id: str,
        *,
        traceparent: object = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._dag_id = dag_id
        self._sleep = sleep
        self._clock = clock
        headers = {"Authorization": f"Bearer {token}"}
        # A run that is started by hand may be told anything, and a bad header stops the request.
        if isinstance(traceparent, str) and _TRACEPARENT.fullmatch(traceparent):
            headers["traceparent"] = traceparent
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S, transport=transport)
        bound_client(self._client)
        take_nothing_packed(self._client)
        keep_no_cookies(self._client)

    def __enter__(self) -> Self:
        """Return the callback; leaving the block closes its connections."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._client.close()

    def report_progress(self, progress_percent: int) -> None:
        """Tell how far the run is; a lost message does no harm.

        Parameters
        ----------
        progress_percent
            0 to 100.
        """
        body = {"dag_id": self._dag_id, "progress": progress_percent}
        try:
            with limit(_PROGRESS_S, _MAX_ANSWER_BYTES):
                self._client.post(self._endpoint, json=body, timeout=_PROGRESS_S)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _logger.info("Progress was not delivered (%s).", type(error).__name__)

    def report_results(
        self, bucket: str, results: list[dict[str, Any]], engine: dict[str, str] | None = None
    ) -> None:
        """Tell that the run succeeded.

        Parameters
        ----------
        bucket
            Where the results are; the first one is the main one.
        results
            Type, keys and technical facts of each result; the same for every try of a run.
        engine
            Name and version of what made them.

        Raises
        ------
        CallbackError
            If the message was not taken.
        """
        body: dict[str, Any] = {"dag_id": self._dag_id, "success": True, "results": results}
        if results:
            body["result_file"] = f"s3://{bucket}/{results[0]['key']}"
        if engine is not None:
            body["engine"] = engine
        self._post(body)

    def report_failure(self, sentence: str) -> None:
        """Tell that the run failed.

        Parameters
        ----------
        sentence
            What is wrong, for the operator.

        Raises
        ------
        CallbackError
            If the message was not taken.
        """
        self._post({"dag_id": self._dag_id, "success": False, "error": sentence})

    def _post(self, body: dict[str, Any]) -> None:
        # Of the first try, so that the workflow manager sees how late it hears of the end.
        headers = {"ScanHub-Ended-At": datetime.now(UTC).isoformat()}
        ends_at_s = self._clock() + _TOTAL_S
        longest_s = _FIRST_PAUSE_S
        while True:
            outcome, pause_s = self._try_post(body, headers)
            if outcome is None:
                return
            if outcome == _CONFLICT:
                raise RunEndedError("The run has ended before, by another outcome.")
            if pause_s is None:
                raise CallbackError(f"The workflow manager refused the message ({outcome}).")
            pause_s = min(max(pause_s, longest_s), _MAX_PAUSE_S)
            longest_s = 2 * longest_s
            if self._clock() + pause_s >= ends_at_s:
                raise CallbackLostError(f"The workflow manager did not take it ({outcome}).")
            _logger.warning("Callback not taken (%s), next try in %.1f s.", outcome, pause_s)
            self._sleep(pause_s)

    def _try_post(
        self, body: dict[str, Any], headers: dict[str, str]
    ) -> tuple[str | None, float | None]:
        """Return what went wrong, None for nothing, and how long to wait for another try."""
        try:
            with limit(_TRY_S, _MAX_ANSWER_BYTES):
                answer = self._client.post(self._endpoint, json=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__, 0 if isinstance(error, _RETRIED_ERRORS) else None
        if answer.is_success:
            return None, None
        is_retried = answer.is_server_error or answer.status_code in _RETRIED_STATUS_CODES
        return f"status {answer.status_code}", _read_pause(answer) if is_retried else None


def _read_pause(answer: httpx.Response) -> float:
    """Return for how long the server asks not to be called [s]."""
    # https://www.rfc-editor.org/rfc/rfc9110#field.retry-after: seconds, or a date.
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
