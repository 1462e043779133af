"""The doctor's checks of what stands before the functions: paths, refusals, the web page."""

from __future__ import annotations

import re
import uuid

import httpx

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped, warning
from scanhub_workflow.doctor.reachability import (
    LOCAL_HOSTS,
    TELL_OPERATOR,
    Readiness,
    explain_failure,
)
from scanhub_workflow.errors import UnexpectedAnswerError
from scanhub_workflow.http import parse
from scanhub_workflow.models import Problem

SLASH, REFUSAL, LOGIN, API_CORS = "trailing slash", "no token", "user-login-manager", "API CORS"
# Reserved: nobody's web page.
ANY_ORIGIN = "https://example.org"
_ORIGIN = re.compile(r"https?://[\x21-\x2e\x30-\x7e]+")
_DEPLOY_AGAIN = "Tell the operator to deploy the API again, and to look at its stage."


def check_slash(http: httpx.Client) -> Check:
    """Tell whether a path with a slash at its end answers as that without: it was asked before.

    Parameters
    ----------
    http
        Knows the URL of the API and no token.
    """
    answer = _ask(http, "GET", "health/readiness/")
    if isinstance(answer, tuple):
        return failed(SLASH, *answer)
    if answer.is_success:
        try:
            parse(answer, Readiness)
        except UnexpectedAnswerError:
            return failed(SLASH, "A path with a slash at its end is something else.", _DEPLOY_AGAIN)
        return ok(SLASH, "Paths answer with and without a slash at their end.")
    if answer.is_redirect:
        detail = f"A path with a slash at its end leads elsewhere (HTTP {answer.status_code})."
        advice = "Tell the operator: on a redirect, tokens and files get lost."
        return failed(SLASH, detail, advice)
    detail = f"A path with a slash at its end is refused (HTTP {answer.status_code})."
    return failed(SLASH, detail, _DEPLOY_AGAIN)


def check_refusal(http: httpx.Client) -> Check:
    """Tell whether a call without a token is refused, in words that clients understand.

    Parameters
    ----------
    http
        Knows the URL of the API and no token.
    """
    answer = _ask(http, "GET", "hello")
    if isinstance(answer, tuple):
        return failed(REFUSAL, *answer)
    if answer.is_success:
        detail = "The API lets everybody in: it answers without a token."
        return failed(REFUSAL, detail, "Tell the operator at once: its authorizer is missing.")
    if answer.status_code != httpx.codes.UNAUTHORIZED:
        detail = f"A call without a token is answered with HTTP {answer.status_code}, not 401."
        return failed(REFUSAL, detail, _DEPLOY_AGAIN)
    if _is_our_refusal(answer):
        return ok(REFUSAL, "A call without a token is refused.")
    if http.base_url.host in LOCAL_HOSTS:
        return ok(REFUSAL, "A call without a token is refused, in an emulator's own words.")
    detail = "A call without a token is refused, but not in the API's words (problem+json)."
    return failed(REFUSAL, detail, _DEPLOY_AGAIN)


def _is_our_refusal(answer: httpx.Response) -> bool:
    content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        problem = parse(answer, Problem)
    except UnexpectedAnswerError:
        return False
    is_named = problem.status == answer.status_code and isinstance(problem.detail, str)
    # Without the scheme, browsers and libraries do not know how to log in.
    scheme = answer.headers.get("WWW-Authenticate", "")
    return content_type == "application/problem+json" and is_named and "bearer" in scheme.lower()


def check_login_manager(http: httpx.Client) -> Check:
    """Tell whether user-login-manager is asked for tokens, by one that nobody has.

    Parameters
    ----------
    http
        Knows the URL of the API and no token.
    """
    # Another one each time: API Gateway remembers what it heard of a token.
    headers = {"Authorization": f"Bearer doctor-{uuid.uuid4().hex}"}
    answer = _ask(http, "GET", "hello", headers)
    if isinstance(answer, tuple):
        return failed(LOGIN, *answer)
    status = answer.status_code
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return ok(LOGIN, "User-login-manager was asked: a token that nobody has is refused.")
    if answer.is_success:
        detail = "The API takes a token that nobody has."
        advice = "Tell the operator at once to look at authorize_request and UserLoginManagerUri."
        return failed(LOGIN, detail, advice)
    if answer.is_server_error:
        detail = f"Tokens cannot be checked (HTTP {status}): nobody can log in."
        advice = (
            "Tell the operator to check the parameter UserLoginManagerUri, whether that service "
            "is well, and whether functions reach it (SubnetIds, firewall)."
        )
        return failed(LOGIN, detail, advice)
    return failed(LOGIN, f"Tokens cannot be checked (HTTP {status}).", TELL_OPERATOR)


def check_api_cors(http: httpx.Client, expected: str | None) -> tuple[Check, str | None]:
    """Tell whether the web page may call the API, and return the origin that may.

    Parameters
    ----------
    http
        Knows the URL of the API and no token.
    expected
        Origin of the web page; None takes the one that the API names.
    """
    origin = expected or ANY_ORIGIN
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = _ask(http, "OPTIONS", "uploads/", headers)
    if isinstance(answer, tuple):
        return failed(API_CORS, *answer), None
    allowed = answer.headers.get("Access-Control-Allow-Origin", "")
    allowed = origin if allowed == "*" else allowed
    if not _ORIGIN.fullmatch(allowed):
        return _judge_silence(http, answer.status_code, expected), None
    if expected is not None and allowed != expected:
        return _refuse_page(expected, f"is refused, for that at {allowed} is let in"), allowed
    return _judge_preflight(http, answer, allowed), allowed


def _judge_silence(http: httpx.Client, status: int, expected: str | None) -> Check:
    if http.base_url.host in LOCAL_HOSTS:
        return skipped(API_CORS, "An emulator answers no browser; API Gateway does.")
    if expected is not None:
        return _refuse_page(expected, f"is told nothing (HTTP {status})")
    advice = "If there is a web page, tell the operator to deploy the API again with its WebOrigin."
    return warning(API_CORS, "The API lets no web page call it.", advice)


def _judge_preflight(http: httpx.Client, preflight: httpx.Response, origin: str) -> Check:
    if not preflight.is_success:
        return _refuse_page(origin, f"gets HTTP {preflight.status_code}")
    # The star covers all methods, but never this header.
    if not {"post", "*"} & _list(preflight, "Access-Control-Allow-Methods"):
        return _refuse_page(origin, "may not POST")
    if "authorization" not in _list(preflight, "Access-Control-Allow-Headers"):
        return _refuse_page(origin, "may not send a token")
    # The gateway answers the browser's question, a function the call: both must know the page.
    answer = _ask(http, "GET", "health/readiness", {"Origin": origin})
    if isinstance(answer, tuple):
        return failed(API_CORS, *answer)
    if answer.headers.get("Access-Control-Allow-Origin") not in {origin, "*"}:
        return _refuse_page(origin, "is let in by the gateway, but not by the functions")
    return ok(API_CORS, f"The web page at {origin} may call the API.")


def _list(answer: httpx.Response, header: str) -> set[str]:
    return {each.strip().lower() for each in answer.headers.get(header, "").split(",")}


def _refuse_page(origin: str, what: str) -> Check:
    advice = (
        f"Tell the operator to deploy the API again with the parameter WebOrigin={origin}; "
        "everything but the web page works without it."
    )
    return failed(API_CORS, f"The web page at {origin} {what}.", advice)


def _ask(
    http: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None
) -> httpx.Response | tuple[str, str]:
    """Return an answer, or why none came and what to do."""
    for is_last in (False, True):
        try:
            return http.request(method, path, headers=headers)
        except httpx.HTTPError as error:
            # Once more and at once: a connection that was closed meanwhile is no finding.
            if is_last:
                return explain_failure(error, http.base_url.host)
    raise AssertionError("The last try returns.")
