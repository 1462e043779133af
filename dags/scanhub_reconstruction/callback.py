"""Tell the workflow manager about a run, with the run's own callback token."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

_TIMEOUT_S = 10.0
_PROGRESS_TIMEOUT_S = 2.0
_BACK_OFF_S = (0.5, 1.0, 2.0, 4.0)
_RETRIED_STATUS_CODES = (502, 503, 504)
# The server may or may not have seen the request; it records the same result once.
_RETRIED_ERRORS = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

_logger = logging.getLogger(__name__)


class CallbackError(Exception):
    """The workflow manager did not take the message."""


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
    sleep
        Waits a number of seconds.
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
    ) -> None:
        self._endpoint = endpoint
        self._dag_id = dag_id
        self._sleep = sleep
        headers = {"Authorization": f"Bearer {token}"}
        # A run that is started by hand may be told anything, and a bad header stops the request.
        if isinstance(traceparent, str) and _TRACEPARENT.fullmatch(traceparent):
            headers["traceparent"] = traceparent
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUT_S, transport=transport)

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
            self._client.post(self._endpoint, json=body, timeout=_PROGRESS_TIMEOUT_S)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _logger.info("Progress was not delivered (%s).", type(error).__name__)

    def report_results(self, result_file: str, results: list[dict[str, Any]]) -> None:
        """Tell that the run succeeded.

        Parameters
        ----------
        result_file
            `s3://` URL of the main result.
        results
            Type, keys and technical facts of each result; the same for every try of a run.

        Raises
        ------
        CallbackError
            If the message was not taken.
        """
        self._post(
            {
                "dag_id": self._dag_id,
                "result_file": result_file,
                "success": True,
                "results": results,
            }
        )

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
        for back_off_s in (*_BACK_OFF_S, None):
            outcome, is_retried = self._try_post(body, headers)
            if outcome is None:
                return
            if not is_retried:
                raise CallbackError(f"The workflow manager refused the message ({outcome}).")
            if back_off_s is None:
                break
            _logger.warning("Callback not taken (%s), next try in %.1f s.", outcome, back_off_s)
            self._sleep(back_off_s)
        raise CallbackLostError(f"The workflow manager could not be reached ({outcome}).")

    def _try_post(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[str | None, bool]:
        """Return what went wrong, None for nothing, and whether to try again."""
        try:
            status_code = self._client.post(self._endpoint, json=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__, isinstance(error, _RETRIED_ERRORS)
        if httpx.codes.is_success(status_code):
            return None, False
        return f"status {status_code}", status_code in _RETRIED_STATUS_CODES
