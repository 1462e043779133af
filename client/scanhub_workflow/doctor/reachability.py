"""The doctor's first checks: where the URL leads, and whether the API is there."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import Literal

import httpx
from pydantic import BaseModel

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warn_of, warning
from scanhub_workflow.errors import UnexpectedAnswerError
from scanhub_workflow.http import parse
from scanhub_workflow.plain_http import (
    PLAIN_HTTP_VARIABLE,
    is_in_clear,
    is_plain_http_allowed,
)

SKEW_TO_WARN = timedelta(seconds=60)
# S3's own limit for signed requests.
SKEW_TO_FAIL = timedelta(minutes=15)

CHECK_URL = "Check the URL: it ends in /workflowmanager."
CHECK_NETWORK = "Check this computer's network (cable, Wi-Fi, VPN) and the host in the URL."
TELL_OPERATOR = "Run this again in a minute; if it stays so, tell the operator of the server."
_OPEN_BROWSER = (
    "Check the URL (it ends in /workflowmanager), and open any page in a browser: the network may "
    "want a login first."
)
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# OpenSSL's: not yet valid, expired; another host's, another address's.
_VERIFY_DATES = frozenset({9, 10})
_VERIFY_NAMES = frozenset({62, 64})
_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})


class Readiness(BaseModel):
    """What the API tells of itself.

    Attributes
    ----------
    degraded
        Names of what does not work; None from a server that does not look.
    """

    status: Literal["ok"]
    degraded: list[str] | None = None


@dataclass(frozen=True)
class Reached:
    """What the first request found.

    Parameters
    ----------
    connection, clock
        The checks.
    readiness
        None if the API is not there.
    """

    connection: Check
    clock: Check
    readiness: Readiness | None = None


def check_url(url: str) -> Check:
    """Tell whether a URL can be the API's.

    Parameters
    ----------
    url
        As it was given.
    """
    if not url:
        advice = "Set SCANHUB_WORKFLOW_URL to the API's URL, which ends in /workflowmanager."
        return failed("url", "No URL is given.", advice)
    try:
        parsed = httpx.URL(url)
        host = parsed.host
    except (httpx.InvalidURL, ValueError):
        return failed("url", "This is no URL.", CHECK_URL)
    if parsed.scheme not in {"http", "https"} or not host:
        advice = "Begin the URL with https:// and the server's name."
        return failed("url", "The URL names no server to reach by HTTP.", advice)
    if parsed.userinfo:
        advice = "Take user name and password out of the URL, and log in: scanhub-workflow login."
        return failed("url", "The URL holds a user name or a password.", advice)
    if parsed.query or parsed.fragment:
        return failed("url", "The URL holds a ? or a #.", CHECK_URL)
    return _check_style(parsed)


def _check_style(url: httpx.URL) -> Check:
    findings = []
    if is_in_clear(url):
        detail, advice = (
            "Requests go in clear, by http.",
            "others in the network can read your token.",
        )
        if not is_plain_http_allowed():
            allow = f"where you trust them, set {PLAIN_HTTP_VARIABLE}=1."
            return failed("url", detail, f"Use https://, else {advice[:-1]}; {allow}")
        findings.append((detail, f"Use https://, else {advice}"))
    if not url.path.rstrip("/").endswith("/workflowmanager"):
        findings.append(("The URL does not end in /workflowmanager.", CHECK_URL))
    if not findings:
        return ok("url", f"The URL leads to {url.host}.")
    return warn_of("url", findings)


def reach(http: httpx.Client, now: Callable[[], datetime]) -> Reached:
    """Ask the API whether it is ready.

    Parameters
    ----------
    http
        Knows the URL and no token.
    now
        This computer's clock.
    """
    before = now()
    try:
        answer = http.get("health/readiness")
    except httpx.HTTPError as error:
        detail, advice = explain_failure(error, http.base_url.host)
        return Reached(failed("connection", detail, advice), skipped("clock", "No answer came."))
    midpoint = before + (now() - before) / 2
    connection, readiness = _judge(answer)
    return Reached(connection, _compare_clocks(answer, midpoint), readiness)


def explain_failure(error: Exception, host: str) -> tuple[str, str]:
    """Return why no answer came and what to do.

    Parameters
    ----------
    error
        Of httpx.
    host
        That was asked.
    """
    causes = list(_trace(error))
    for cause in causes:
        if (known := _explain_cause(cause, host)) is not None:
            return known
    kind = type(causes[-1]).__name__
    return f"The connection to {host} broke ({kind}).", f"{CHECK_NETWORK} Then run this again."


def _trace(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        # The system's error began it; behind it is only what a caller was handling before.
        is_first = isinstance(error, OSError)
        error = None if is_first else error.__cause__ or error.__context__


def _explain_cause(cause: BaseException, host: str) -> tuple[str, str] | None:
    match cause:
        case httpx.ProxyError():
            advice = (
                "Check the environment variable HTTPS_PROXY, or ask your network's administrator."
            )
            return "The proxy of this network refuses the connection.", advice
        case httpx.TimeoutException():
            advice = f"{CHECK_NETWORK} A firewall may drop the connection."
            return f"{host} gave no answer within 10 s.", advice
        case httpx.DecodingError() | httpx.RemoteProtocolError():
            return f"{host} breaks off, or answers with what is no HTTP.", _OPEN_BROWSER
        case gaierror():
            return f"The name {host} is not known (DNS).", CHECK_NETWORK
        case ssl.SSLCertVerificationError():
            return _explain_certificate(cause, host)
        case ssl.SSLError():
            return f"{host} does not speak TLS.", "Check the URL: its port, and https or http."
        case ConnectionRefusedError():
            advice = f"{CHECK_URL} Check its port too; else the server does not run."
            return f"{host} refuses the connection.", advice
        case OSError() if cause.errno in _UNREACHABLE:
            return f"No way leads to {host}.", CHECK_NETWORK
    return None


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    code = getattr(error, "verify_code", None)
    if code in _VERIFY_DATES:
        advice = "Check this computer's date and time; if they are right, tell the operator."
        return f"The TLS certificate of {host} has expired or is not valid yet.", advice
    if code in _VERIFY_NAMES:
        advice = "Check the host in the URL; the network may also want a login in a browser first."
        return f"The TLS certificate is another server's than that of {host}.", advice
    advice = (
        "Set SSL_CERT_FILE to the file with your institution's root certificate: its administrator "
        "has it."
    )
    return f"The TLS certificate of {host} is not trusted by this computer.", advice


def is_page(answer: httpx.Response) -> bool:
    """Tell whether an answer is a page for people: neither the API nor S3 gives one.

    Parameters
    ----------
    answer
        Any.
    """
    content_type: str = answer.headers.get("Content-Type", "")
    return content_type.lower().startswith("text/html")


def _judge(answer: httpx.Response) -> tuple[Check, Readiness | None]:
    if answer.status_code == httpx.codes.OK and not is_page(answer):
        try:
            readiness = parse(answer, Readiness)
        except UnexpectedAnswerError:
            return failed("connection", "What answers is not this API.", CHECK_URL), None
        return ok("connection", "The API answers."), readiness
    return failed("connection", *_explain_status(answer)), None


def _explain_status(answer: httpx.Response) -> tuple[str, str]:
    status = answer.status_code
    if 300 <= status < 400:
        return f"The URL leads elsewhere (a redirect, HTTP {status}).", _OPEN_BROWSER
    if status >= 500:
        return f"The server fails (HTTP {status}).", TELL_OPERATOR
    if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        advice = (
            "Put your login for the proxy into HTTPS_PROXY, or ask your network's administrator."
        )
        return "The proxy of this network wants a login.", advice
    if is_page(answer):
        return f"A web page answers, not this API (HTTP {status}).", _OPEN_BROWSER
    if status == httpx.codes.FORBIDDEN and _is_gateway(answer):
        advice = (
            "Check the URL: behind the host there is a stage and a path, as in "
            "/api/v1/workflowmanager."
        )
        return "API Gateway knows no such path or stage (HTTP 403).", advice
    if status == httpx.codes.FORBIDDEN:
        advice = "Check the URL; the server may also want you in its VPN or network."
        return "The server lets nobody in from here (HTTP 403).", advice
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "The server has too many requests (HTTP 429).", TELL_OPERATOR
    return f"The server has no such API at this URL (HTTP {status}).", CHECK_URL


def _is_gateway(answer: httpx.Response) -> bool:
    # What it says of a path without a method, and of a stage that is not there.
    return any(text in answer.text for text in ("Missing Authentication Token", '"Forbidden"'))


def _compare_clocks(answer: httpx.Response, midpoint: datetime) -> Check:
    try:
        date = parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError):
        return skipped("clock", "The server does not tell its time.")
    ahead = midpoint - (date if date.tzinfo else date.replace(tzinfo=UTC))
    skew = abs(ahead)
    detail = (
        f"This computer's clock is {_say(skew)} {'ahead' if ahead > timedelta() else 'behind'}."
    )
    advice = "Let this computer set its date and time by the network (NTP)."
    if skew >= SKEW_TO_FAIL:
        return failed("clock", detail, advice)
    if skew >= SKEW_TO_WARN:
        return warning("clock", detail, advice)
    return ok("clock", "This computer's clock and the server's agree.")


def _say(skew: timedelta) -> str:
    seconds = skew.total_seconds()
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
