import errno
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from scanhub_workflow import Check, Expectation, Outcome, conclude, examine
from scanhub_workflow.doctor import NAMES
from scanhub_workflow.plain_http import PLAIN_HTTP_VARIABLE
from tests.fakes.doctor_server import (
    BASE,
    PART_URL,
    SIGNATURE,
    UPLOAD_ID,
    WEB_ORIGIN,
    Answer,
    FakeDoctorServer,
    answer_preflight,
    answer_readiness,
    list_dags,
    make_dag,
    make_plan,
    make_problem,
    make_refusal,
)

HOST = "api.test"
URL = f"https://{HOST}{BASE}".rstrip("/")
TOKEN = "a-secret-token"
NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
BEFORE_TOKEN = [
    "GET health/readiness",
    "GET health/readiness/",
    *["GET hello"] * 2,
    "OPTIONS uploads/",
    "GET health/readiness",
]
READINESS, ABORT = "GET health/readiness", f"DELETE uploads/{UPLOAD_ID}/"
OK, WARNING, FAILED, SKIPPED = Outcome.OK, Outcome.WARNING, Outcome.FAILED, Outcome.SKIPPED


@pytest.fixture
def server() -> FakeDoctorServer:
    return FakeDoctorServer()


def run(
    server: FakeDoctorServer,
    url: str = URL,
    token: str | None = TOKEN,
    now: datetime = NOW,
    expected: Expectation = Expectation(),  # noqa: B008 - it never changes
) -> dict[str, Check]:
    """Return the checks by name; what holds for every examination is asserted here."""
    checks = list(
        examine(
            url,
            token,
            expected,
            transport=httpx.MockTransport(server.answer_api),
            storage_transport=httpx.MockTransport(server.answer_s3),
            now=lambda: now,
        )
    )
    assert tuple(check.name for check in checks) == NAMES
    for check in checks:
        assert check.detail
        assert bool(check.advice) == (check.outcome in {WARNING, FAILED})
    assert TOKEN not in repr(checks)
    assert SIGNATURE not in repr(checks)
    return {check.name: check for check in checks}


def caused(error: Exception, cause: Exception) -> Exception:
    # As httpx wraps httpcore's, which wraps the system's.
    middle = RuntimeError()
    middle.__context__ = cause
    error.__cause__ = middle
    return error


def untrusted(code: int) -> Exception:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    return caused(httpx.ConnectError("failed"), error)


# Of HOST: the error, and what is told and advised.
FAILURES = [
    (caused(httpx.ConnectError(""), socket.gaierror(-2, "")), "HOST is not known (DNS)", "VPN"),
    (caused(httpx.ConnectError(""), ConnectionRefusedError()), "HOST refuses", "port"),
    (caused(httpx.ConnectError(""), OSError(errno.ENETUNREACH, "")), "No way leads", "Wi-Fi"),
    (caused(httpx.ConnectError(""), ssl.SSLError(1, "")), "does not speak TLS", "https or http"),
    (caused(httpx.ConnectError(""), OSError(errno.EIO, "")), "broke (OSError)", "network"),
    (httpx.ConnectTimeout(""), "no answer within 10 s", "firewall"),
    (httpx.ReadTimeout(""), "no answer within 10 s", "firewall"),
    (httpx.ReadError(""), "broke (ReadError)", "network"),
    (httpx.RemoteProtocolError(""), "no HTTP", "browser"),
    (httpx.DecodingError(""), "no HTTP", "browser"),
    (httpx.ProxyError(""), "proxy", "HTTPS_PROXY"),
    (untrusted(19), "not trusted", "SSL_CERT_FILE"),
    (untrusted(10), "expired", "date and time"),
    (untrusted(9), "expired", "date and time"),
    (untrusted(62), "another server's", "browser"),
]


def test_all_is_well(server: FakeDoctorServer) -> None:
    # When all is examined, then all is well
    checks = run(server)
    assert {check.outcome for check in checks.values()} == {OK}

    # And the trial upload was for the DAG, and was aborted
    [created] = [each for each in server.requests if each.method == "POST"]
    assert json.loads(created.content)["dag_id"] == "d"
    assert json.loads(created.content)["size_bytes"] == 1
    assert server.list_requests()[-1] == ABORT

    # And S3 was asked on behalf of the API's own web page, and nothing else was
    [preflight] = [each for each in server.requests if each.url.host == "lake.s3.test"]
    assert str(preflight.url) == PART_URL
    assert preflight.method == "OPTIONS"
    assert preflight.headers["Origin"] == WEB_ORIGIN
    assert preflight.headers["Access-Control-Request-Method"] == "PUT"


def test_token_goes_where_it_is_needed_only(server: FakeDoctorServer) -> None:
    run(server)
    with_token = [
        each for each in server.requests if each.headers.get("Authorization") == f"Bearer {TOKEN}"
    ]
    assert {f"{each.method} {each.url.path.removeprefix(BASE)}" for each in with_token} == {
        "GET hello/",
        "GET tasks/",
        "POST uploads/",
        ABORT,
    }


def test_checks_come_one_by_one(server: FakeDoctorServer) -> None:
    # Given an examination that is watched
    transport = httpx.MockTransport(server.answer_api)
    checks: Iterator[Check] = examine(URL, TOKEN, transport=transport)

    # When it is given up early, then nothing was planned
    assert [next(checks).name for _ in range(3)] == list(NAMES[:3])
    assert server.list_requests() == [READINESS]


def test_every_request_ends(server: FakeDoctorServer) -> None:
    run(server)
    for request in server.requests:
        assert 0 < max(request.extensions["timeout"].values()) <= 10


# --- url


@pytest.mark.parametrize(
    ("url", "detail", "advice"),
    [
        ("", "No URL", "SCANHUB_WORKFLOW_URL"),
        ("https://[::1", "no URL", "/workflowmanager"),
        ("https://xn--/workflowmanager", "no URL", "/workflowmanager"),
        ("https://h/\x00", "no URL", "/workflowmanager"),
        ("api.test/workflowmanager", "no server", "https://"),
        ("ftp://api.test/workflowmanager", "no server", "https://"),
        ("https:///workflowmanager", "no server", "https://"),
        ("https://user:a-secret-token@api.test/workflowmanager", "a password", "log in"),
        ("https://api.test/workflowmanager?a=b", "holds a ?", "/workflowmanager"),
        ("https://api.test/workflowmanager#a", "a #", "/workflowmanager"),
        ("http://api.test/workflowmanager", "in clear", "SCANHUB_WORKFLOW_ALLOW_HTTP=1"),
    ],
)
def test_unusable_url_ends_it(server: FakeDoctorServer, url: str, detail: str, advice: str) -> None:
    checks = run(server, url)
    assert checks["url"].outcome is FAILED
    assert detail in checks["url"].detail
    assert advice in str(checks["url"].advice)
    assert {checks[name].outcome for name in NAMES[1:]} == {SKIPPED}
    assert not server.requests


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        (URL.replace("https", "http"), "Use https://"),
        ("https://api.test/", "it ends in /workflowmanager"),
    ],
)
def test_doubtful_url_is_tried(
    server: FakeDoctorServer, url: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PLAIN_HTTP_VARIABLE, "1")
    server.base = httpx.URL(url).path.rstrip("/") + "/"
    checks = run(server, url)
    assert checks["url"].outcome is WARNING
    assert advice in str(checks["url"].advice)
    assert checks["connection"].outcome is OK


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:1"])
def test_http_to_this_computer_is_well(server: FakeDoctorServer, host: str) -> None:
    assert run(server, f" http://{host}{BASE}\n")["url"].outcome is OK


# --- connection


@pytest.mark.parametrize(("failure", "detail", "advice"), FAILURES)
def test_silence_is_explained(
    server: FakeDoctorServer, failure: Exception, detail: str, advice: str
) -> None:
    # Given an API that cannot be reached
    server.answers[READINESS] = failure

    # When all is examined, then the reason is told and nothing else is tried
    checks = run(server)
    assert checks["connection"].outcome is FAILED
    assert detail.replace("HOST", HOST) in checks["connection"].detail
    assert advice in str(checks["connection"].advice)
    assert {checks[name].outcome for name in NAMES[2:]} == {SKIPPED}
    assert server.list_requests() == [READINESS]


def gateway(message: str) -> httpx.Response:
    return httpx.Response(403, json={"message": message})


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (
            httpx.Response(302, headers={"Location": f"/?t={TOKEN}"}),
            "302",
            "browser",
        ),
        (httpx.Response(200, html="<html>"), "web page", "browser"),
        (httpx.Response(404, html="<html>"), "web page", "browser"),
        (httpx.Response(200, text="hello"), "not this API", "/workflowmanager"),
        (httpx.Response(200, json={"status": "up"}), "not this API", "/workflowmanager"),
        (httpx.Response(200, json=[]), "not this API", "/workflowmanager"),
        (httpx.Response(200, text="[" * 100_000), "not this API", "/workflowmanager"),
        (httpx.Response(200, content=b"\xff\x00"), "not this API", "/workflowmanager"),
        (httpx.Response(204), "no such API", "/workflowmanager"),
        (gateway("Missing Authentication Token"), "no such path or stage", "stage"),
        (gateway("Forbidden"), "no such path or stage", "stage"),
        (httpx.Response(403, text="a-secret-token"), "lets nobody in", "VPN"),
        (make_problem(404), "no such API", "/workflowmanager"),
        (httpx.Response(407, html="<html>"), "proxy", "HTTPS_PROXY"),
        (make_problem(429), "too many requests", "again"),
        (httpx.Response(502, html="<html>"), "HTTP 502", "operator"),
        (make_problem(503), "HTTP 503", "operator"),
    ],
)
def test_answer_of_something_else_is_told(
    server: FakeDoctorServer, answer: httpx.Response, detail: str, advice: str
) -> None:
    server.answers[READINESS] = answer
    checks = run(server)
    assert checks["connection"].outcome is FAILED
    assert detail in checks["connection"].detail
    assert advice in str(checks["connection"].advice)
    assert {checks[name].outcome for name in NAMES[3:]} == {SKIPPED}


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTPS_PROXY", "ftp://proxy.test"), ("SSL_CERT_FILE", "/nowhere/certificates.pem")],
)
def test_unusable_settings_are_told(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    # Given settings that httpx cannot use, and its own transport
    monkeypatch.setenv(variable, value)

    # When all is examined, then they are named
    checks = {check.name: check for check in examine(URL, TOKEN)}
    assert checks["connection"].outcome is FAILED
    assert variable in str(checks["connection"].advice)
    assert len(checks) == len(NAMES)


def test_closed_port_is_told() -> None:
    # Given a port of this computer that nobody listens at
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/workflowmanager"

        # When it is examined by httpx's own transport, then it is told so
        checks = {check.name: check for check in examine(url, TOKEN)}
    assert checks["connection"].detail == "127.0.0.1 refuses the connection."


# --- clock


@pytest.mark.parametrize(
    ("skew_s", "outcome", "detail"),
    [
        (0, OK, "agree"),
        (59, OK, "agree"),
        (-60, WARNING, "60 s behind"),
        (600, WARNING, "10 min ahead"),
        (900, FAILED, "15 min ahead"),
        (-86400, FAILED, "24 h behind"),
    ],
)
def test_clocks_are_compared(
    server: FakeDoctorServer, skew_s: int, outcome: Outcome, detail: str
) -> None:
    checks = run(server, now=NOW + timedelta(seconds=skew_s))
    assert checks["clock"].outcome is outcome
    assert detail in checks["clock"].detail
    assert checks[NAMES[-1]].outcome is OK


def test_slow_answer_is_no_wrong_clock(server: FakeDoctorServer) -> None:
    # Given an answer that took 100 s, and whose date lies in the middle
    times = iter([NOW - timedelta(seconds=50), NOW + timedelta(seconds=50)])
    transport = httpx.MockTransport(server.answer_api)
    checks = examine(URL, TOKEN, transport=transport, now=lambda: next(times))
    assert [next(checks).outcome for _ in range(3)] == [OK, OK, OK]


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Nov 2026 22:00:00 GMT"])
def test_unknown_date_is_skipped(server: FakeDoctorServer, date: str | None) -> None:
    headers = {} if date is None else {"Date": date}
    body = {"status": "ok", "degraded": []}
    server.answers[READINESS] = httpx.Response(200, json=body, headers=headers)
    assert run(server)["clock"].outcome is SKIPPED


# --- readiness


@pytest.mark.parametrize(
    ("names", "detail", "advice"),
    [
        (["reconciler"], "not heard of for 3 minutes", "reconcile_runs"),
        (["airflow"], "scheduler", "Airflow must be looked after"),
        (["flux"], "Does not work: flux", "operator"),
    ],
)
def test_degraded_is_told_in_words(
    server: FakeDoctorServer, names: list[str], detail: str, advice: str
) -> None:
    server.degrade(*names)
    checks = run(server)
    assert checks["readiness"].outcome is WARNING
    assert detail in checks["readiness"].detail
    assert advice in str(checks["readiness"].advice)


def test_a_scanhub_of_another_generation_is_a_failure(server: FakeDoctorServer) -> None:
    server.degrade("exam-manager speaks 2026-02, deployed for 2025-03", "airflow")
    check = run(server)["readiness"]
    assert check.outcome is FAILED
    assert check.detail == "exam-manager speaks 2026-02, deployed for 2025-03."
    assert "ScanHubContract" in str(check.advice)


def test_all_that_is_degraded_is_told(server: FakeDoctorServer) -> None:
    server.degrade("reconciler", "airflow")
    detail = run(server)["readiness"].detail
    assert "reconciler" in detail
    assert "Airflow" in detail


def test_server_that_does_not_look_is_skipped(server: FakeDoctorServer) -> None:
    server.answers[READINESS] = httpx.Response(200, json={"status": "ok"})
    assert run(server)["readiness"].outcome is SKIPPED


# --- what stands before the functions


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (httpx.Response(307, headers={"Location": "/elsewhere"}), "leads elsewhere", "redirect"),
        (httpx.Response(403, json={"message": "Forbidden"}), "HTTP 403", "deploy the API again"),
        (make_problem(404), "HTTP 404", "deploy the API again"),
        (httpx.Response(200, html="<html>"), "something else", "deploy the API again"),
        (httpx.ReadTimeout(""), "no answer within 10 s", "firewall"),
    ],
)
def test_slash_at_the_end_matters_not(
    server: FakeDoctorServer, answer: Answer, detail: str, advice: str
) -> None:
    server.answers["GET health/readiness/"] = answer
    checks = run(server)
    assert checks["trailing slash"].outcome is FAILED
    assert detail in checks["trailing slash"].detail
    assert advice in str(checks["trailing slash"].advice)
    assert checks["token"].outcome is OK


def answer_strangers(without: Answer, unknown: Answer) -> Answer:
    """Answer a call without a token, and one with a token that nobody has."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = unknown if "Authorization" in request.headers else without
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, httpx.Response)
        return found

    return answer


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (make_refusal(), OK, "is refused."),
        (httpx.Response(200, json={"message": "Hello"}), FAILED, "lets everybody in"),
        (httpx.Response(401, json={"message": "Unauthorized"}), FAILED, "problem+json"),
        (make_refusal(**{"Content-Type": "application/json"}), FAILED, "problem+json"),
        (make_refusal(**{"WWW-Authenticate": ""}), FAILED, "problem+json"),
        (httpx.Response(403, json={"message": "Missing Authentication Token"}), FAILED, "403"),
        (make_problem(500), FAILED, "HTTP 500"),
        (httpx.ReadError(""), FAILED, "broke"),
    ],
)
def test_call_without_a_token_is_refused_in_our_words(
    server: FakeDoctorServer, answer: Answer, outcome: Outcome, detail: str
) -> None:
    server.answers["GET hello"] = answer_strangers(answer, make_refusal("Invalid token."))
    checks = run(server)
    assert checks["no token"].outcome is outcome
    assert detail in checks["no token"].detail
    assert checks["user-login-manager"].outcome is OK


@pytest.mark.parametrize("status", [401, 403])
def test_emulator_may_refuse_in_its_own_words(server: FakeDoctorServer, status: int) -> None:
    # As ministack and sam local do: neither knows gateway responses.
    own = httpx.Response(401, json={"message": "Unauthorized"})
    unknown = httpx.Response(status, json={"Message": "User is not authorized"})
    server.answers["GET hello"] = answer_strangers(own, unknown)
    checks = run(server, f"http://127.0.0.1:18091{BASE}")
    assert checks["no token"].outcome is checks["user-login-manager"].outcome is OK


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (make_problem(503), "nobody can log in", "UserLoginManagerUri"),
        (make_problem(500), "nobody can log in", "UserLoginManagerUri"),
        (httpx.Response(200, json={"message": "Hello"}), "token that nobody has", "at once"),
        (make_problem(429), "HTTP 429", "again"),
        (httpx.ReadTimeout(""), "no answer", "firewall"),
    ],
)
def test_user_login_manager_is_asked_for_tokens(
    server: FakeDoctorServer, answer: Answer, detail: str, advice: str
) -> None:
    server.answers["GET hello"] = answer_strangers(make_refusal(), answer)
    checks = run(server)
    assert checks["no token"].outcome is OK
    assert checks["user-login-manager"].outcome is FAILED
    assert detail in checks["user-login-manager"].detail
    assert advice in str(checks["user-login-manager"].advice)


def test_token_that_nobody_has_is_another_each_time(server: FakeDoctorServer) -> None:
    # API Gateway remembers what it heard of a token.
    run(server)
    run(server)
    sent = [each.headers.get("Authorization") for each in server.requests]
    made_up = [each for each in sent if each and each.startswith("Bearer doctor-")]
    assert len(made_up) == len(set(made_up)) == 2


@pytest.mark.parametrize(
    ("preflight", "detail"),
    [
        (answer_preflight(**{"Access-Control-Allow-Methods": "GET"}), "may not POST"),
        (answer_preflight(**{"Access-Control-Allow-Headers": "*"}), "may not send a token"),
        (httpx.Response(403, headers={"Access-Control-Allow-Origin": WEB_ORIGIN}), "HTTP 403"),
    ],
)
def test_browser_that_is_hindered_is_told(
    server: FakeDoctorServer, preflight: httpx.Response, detail: str
) -> None:
    server.answers["OPTIONS uploads/"] = preflight
    check = run(server)["API CORS"]
    assert check.outcome is FAILED
    assert detail in check.detail
    assert f"WebOrigin={WEB_ORIGIN}" in str(check.advice)


def test_browser_asks_as_browsers_do(server: FakeDoctorServer) -> None:
    run(server, expected=Expectation(web_origin=WEB_ORIGIN))
    [asked] = [each for each in server.requests if each.method == "OPTIONS"][:1]
    assert asked.headers["Origin"] == WEB_ORIGIN
    assert asked.headers["Access-Control-Request-Method"] == "POST"
    assert asked.headers["Access-Control-Request-Headers"] == "authorization,content-type"


@pytest.mark.parametrize("allowed", [WEB_ORIGIN, ""])
def test_web_page_that_was_deployed_must_be_let_in(server: FakeDoctorServer, allowed: str) -> None:
    # Given an API whose stage still has the origin before, or none
    preflight = answer_preflight(**{"Access-Control-Allow-Origin": allowed})
    server.answers["OPTIONS uploads/"] = preflight
    check = run(server, expected=Expectation(web_origin="https://new.example"))["API CORS"]
    assert check.outcome is FAILED
    assert "WebOrigin=https://new.example" in str(check.advice)


def test_gateway_and_functions_must_know_the_same_web_page(server: FakeDoctorServer) -> None:
    # Given functions with another origin than the stage
    def answer(request: httpx.Request) -> httpx.Response:
        answered = answer_readiness(request)
        answered.headers.pop("Access-Control-Allow-Origin", None)
        return answered

    server.answers[READINESS] = answer
    check = run(server)["API CORS"]
    assert check.outcome is FAILED
    assert "not by the functions" in check.detail


# --- conclusion


def test_conclusion_is_one_sentence(server: FakeDoctorServer) -> None:
    assert conclude(list(run(server).values())) == "It works."


def test_conclusion_is_the_first_fault(server: FakeDoctorServer) -> None:
    server.degrade("airflow")
    server.answers["GET health/readiness/"] = answer_readiness
    server.answers["GET hello"] = answer_strangers(make_refusal(), make_problem(503))
    concluded = conclude(list(run(server).values()))
    assert concluded.startswith("Look at this first: user-login-manager: Tokens cannot be checked")
    assert "UserLoginManagerUri" in concluded
    assert "more above" in concluded


def test_conclusion_names_a_warning(server: FakeDoctorServer) -> None:
    server.answers["GET tasks/"] = list_dags(make_dag("p", is_paused=True), make_dag("d"))
    concluded = conclude(list(run(server).values()))
    assert concluded.startswith("It works. Look at this some time: airflow: ")


def test_doubt_does_not_hide_what_was_not_checked(server: FakeDoctorServer) -> None:
    server.degrade("reconciler")
    checks = run(server, token="", expected=Expectation(has_token=False))
    concluded = conclude(list(checks.values()))
    assert "token, airflow, storage, bucket CORS." in concluded
    assert "some time: readiness" in concluded


@pytest.mark.parametrize("token", [None, ""])
def test_token_may_be_left_out(server: FakeDoctorServer, token: str | None) -> None:
    checks = run(server, token=token, expected=Expectation(has_token=False))
    assert checks["user-login-manager"].outcome is checks["version"].outcome is OK
    unchecked = ("token", "airflow", "storage", "bucket CORS")
    assert {checks[name].outcome for name in unchecked} == {SKIPPED}
    concluded = conclude(list(checks.values()))
    assert concluded.startswith("It works, as far as was checked")
    assert all(name in concluded for name in unchecked)


# --- token


@pytest.mark.parametrize(
    ("answer", "outcome", "detail", "advice"),
    [
        (make_problem(401), FAILED, "not valid", "scanhub-workflow login"),
        (make_problem(403), WARNING, "your role", "rights"),
        (make_problem(503, "Tokens cannot be checked."), FAILED, "request-1", "operator"),
        (make_problem(418), FAILED, "HTTP 418", "operator"),
        (httpx.ReadTimeout(""), FAILED, "No answer", "network"),
        (httpx.DecodingError(""), FAILED, "none that this client knows", "Update"),
        (httpx.Response(200, text="a-secret-token"), FAILED, "none that", "Update"),
        (httpx.Response(200, json=["a-secret-token"]), FAILED, "none that", "Update"),
        (httpx.Response(307), FAILED, "none that", "Update"),
    ],
)
def test_token_is_judged(
    server: FakeDoctorServer, answer: Answer, outcome: Outcome, detail: str, advice: str
) -> None:
    # Given what the API says to the token
    server.answers["GET hello/"] = answer

    # When all is examined, then it is told; what needs no token is done in any case
    checks = run(server)
    assert checks["token"].outcome is outcome
    assert detail in checks["token"].detail
    assert advice in str(checks["token"].advice)
    assert checks["version"].outcome is OK
    later = {checks[name].outcome for name in NAMES[NAMES.index("airflow") :]}
    assert later == ({SKIPPED} if outcome is FAILED else {OK})


@pytest.mark.parametrize("token", [None, "", " \n", "Bearer a-secret-token", "tökén", "a\nb"])
def test_unfit_token_is_not_sent(server: FakeDoctorServer, token: str | None) -> None:
    checks = run(server, token=token)
    assert checks["token"].outcome is FAILED
    assert "scanhub-workflow login" in str(checks["token"].advice)
    assert server.list_requests() == [*BEFORE_TOKEN, "GET openapi.json"]


def test_request_is_repeated_once(server: FakeDoctorServer) -> None:
    # Given one lost answer
    answers = iter([httpx.Response(503), server.answers["GET hello/"]])

    def answer(_: httpx.Request) -> httpx.Response:
        found = next(answers)
        assert isinstance(found, httpx.Response)
        return found

    server.answers["GET hello/"] = answer

    # When all is examined, then it is no finding
    assert run(server)["token"].outcome is OK
    assert server.list_requests().count("GET hello/") == 2


# --- version


def remove_operations(document: dict[str, Any]) -> None:
    for path in ("/hello/", "/tasks/"):
        del document["paths"][path]


def add_operations(document: dict[str, Any]) -> None:
    login = [{"oauth2_scheme": []}]
    callback = [{"callback_token": []}]
    for name, security in (("heal_workflow", login), ("receive_flux", callback)):
        document["paths"][f"/{name}/"] = {"get": {"operationId": name, "security": security}}


def test_older_server_is_told(server: FakeDoctorServer) -> None:
    server.change_document(remove_operations)
    check = run(server)["version"]
    assert check.outcome is WARNING
    assert "older, without: hello, list_available_tasks." in check.detail


def test_newer_server_is_told(server: FakeDoctorServer) -> None:
    # What is for DAGs only is nothing that a client lacks.
    server.change_document(add_operations)
    check = run(server)["version"]
    assert check.outcome is WARNING
    assert "newer, with: heal_workflow." in check.detail
    assert "Update this client" in str(check.advice)


def test_long_lists_are_cut(server: FakeDoctorServer) -> None:
    server.change_document(lambda document: document["paths"].clear())
    assert " more." in run(server)["version"].detail


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(302),
        httpx.Response(200, html="<html>"),
        httpx.Response(200, json={"paths": ["a"]}),
        httpx.ReadTimeout(""),
    ],
)
def test_server_without_description_is_told(server: FakeDoctorServer, answer: Answer) -> None:
    server.answers["GET openapi.json"] = answer
    checks = run(server)
    assert checks["version"].outcome is WARNING
    assert checks["airflow"].outcome is OK


# --- airflow


@pytest.mark.parametrize(
    ("answer", "outcome", "detail"),
    [
        (list_dags(make_dag("d")), OK, "1 DAG,"),
        (list_dags(make_dag("p", is_paused=True), make_dag("d")), WARNING, "2 DAGs. Paused: p."),
        (list_dags(make_dag("b", has_import_errors=True)), WARNING, "import errors: b."),
        (list_dags(), WARNING, "no DAG"),
        (
            list_dags(make_dag("d"), errors=["a.py"]),
            WARNING,
            "1 DAG. Airflow cannot read a.py: No.",
        ),
        (list_dags(errors=["a.py", "b.py", "c.py"]), WARNING, "a.py: No. And 2 more: scanhub"),
        (make_problem(403), SKIPPED, "Your role"),
        (make_problem(401), FAILED, "HTTP 401"),
        (make_problem(502, reason="Airflow answered with status 401."), FAILED, "status 401."),
        (make_problem(503), FAILED, "HTTP 503"),
        (make_problem(504), FAILED, "HTTP 504"),
        (httpx.ReadTimeout(""), FAILED, "within 10 s"),
        (httpx.Response(200, json={}), FAILED, "none that this client knows"),
    ],
)
def test_airflow_is_judged(
    server: FakeDoctorServer, answer: Answer, outcome: Outcome, detail: str
) -> None:
    server.answers["GET tasks/"] = answer
    checks = run(server)
    assert checks["airflow"].outcome is outcome
    assert detail in checks["airflow"].detail


@pytest.mark.parametrize("hello", [200, 401])
@pytest.mark.parametrize("tasks", [200, 403])
def test_airflow_without_scheduler_is_a_failure(
    server: FakeDoctorServer, hello: int, tasks: int
) -> None:
    # Given an Airflow that may list its DAGs, but that the server calls degraded
    server.degrade("airflow")
    if hello == 401:
        server.answers["GET hello/"] = make_problem(401)
    if tasks == 403:
        server.answers["GET tasks/"] = make_problem(403)

    # When all is examined, then it is a failure, whoever asks
    check = run(server)["airflow"]
    assert check.outcome is FAILED
    assert "runs wait" in check.detail


# --- storage and bucket CORS


@pytest.mark.parametrize(
    "dags",
    [
        [],
        [make_dag("p", is_paused=True)],
        [make_dag("b", has_import_errors=True)],
    ],
)
def test_no_usable_dag_skips_the_storage(
    server: FakeDoctorServer, dags: list[dict[str, object]]
) -> None:
    server.answers["GET tasks/"] = list_dags(*dags)
    checks = run(server)
    assert checks["storage"].outcome is checks["bucket CORS"].outcome is SKIPPED
    assert "POST uploads/" not in server.list_requests()


def test_upload_is_for_a_dag_that_would_run(server: FakeDoctorServer) -> None:
    paused, broken = make_dag("p", is_paused=True), make_dag("b", has_import_errors=True)
    server.answers["GET tasks/"] = list_dags(paused, broken, make_dag("d"))
    assert run(server)["storage"].outcome is OK
    [created] = [each for each in server.requests if each.method == "POST"]
    assert json.loads(created.content)["dag_id"] == "d"


def test_role_that_may_not_upload_skips_the_storage(server: FakeDoctorServer) -> None:
    server.answers["POST uploads/"] = make_problem(403)
    checks = run(server)
    assert checks["storage"].outcome is checks["bucket CORS"].outcome is SKIPPED
    assert "role" in checks["storage"].detail
    assert ABORT not in server.list_requests()


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (make_problem(409), "HTTP 409, request request-1"),
        (make_problem(503), "HTTP 503"),
        (httpx.ReadTimeout(""), "No answer"),
        (httpx.Response(201, json={}), "none that this client knows"),
    ],
)
def test_upload_that_cannot_be_planned_is_a_failure(
    server: FakeDoctorServer, answer: Answer, detail: str
) -> None:
    server.answers["POST uploads/"] = answer
    checks = run(server)
    assert checks["storage"].outcome is FAILED
    assert detail in checks["storage"].detail
    assert checks["bucket CORS"].outcome is SKIPPED


@pytest.mark.parametrize(("failure", "detail", "advice"), FAILURES)
def test_silent_storage_is_explained(
    server: FakeDoctorServer, failure: Exception, detail: str, advice: str
) -> None:
    # Given an S3 that cannot be reached
    server.answers["S3"] = failure

    # When all is examined, then that is told, and the upload is aborted all the same
    checks = run(server)
    assert checks["storage"].outcome is FAILED
    assert detail.replace("HOST", "lake.s3.test") in checks["storage"].detail
    assert advice in str(checks["storage"].advice)
    assert "firewall" in str(checks["storage"].advice)
    assert checks["bucket CORS"].outcome is SKIPPED
    assert server.list_requests()[-1] == ABORT


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, html="<html>blocked</html>"),
        httpx.Response(407),
        httpx.Response(302, headers={"Location": "https://proxy.test"}),
        httpx.Response(503),
    ],
)
def test_something_else_than_a_working_s3_is_a_failure(
    server: FakeDoctorServer, answer: httpx.Response
) -> None:
    server.answers["S3"] = answer
    checks = run(server)
    assert checks["storage"].outcome is FAILED
    assert str(answer.status_code) in checks["storage"].detail
    assert checks["bucket CORS"].outcome is SKIPPED
    assert ABORT in server.list_requests()


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [{"part_number": 1, "size_bytes": 1, "url": "https://[::1"}],
        [{"part_number": 1, "size_bytes": 1, "url": "nothing"}],
    ],
)
def test_plan_without_a_url_is_a_failure(
    server: FakeDoctorServer, parts: list[dict[str, object]]
) -> None:
    # Given a plan that leads nowhere, on the way that real requests take
    server.answers["POST uploads/"] = httpx.Response(201, json=make_plan() | {"parts": parts})
    transport = httpx.MockTransport(server.answer_api)
    checks = {check.name: check for check in examine(URL, TOKEN, transport=transport)}

    # Then that is told, and the upload is aborted
    assert checks["storage"].outcome is FAILED
    assert ABORT in server.list_requests()


@pytest.mark.parametrize("allowed", [WEB_ORIGIN, "*"])
def test_bucket_that_lets_the_web_page_upload_is_well(
    server: FakeDoctorServer, allowed: str
) -> None:
    server.answers["S3"] = httpx.Response(200, headers={"Access-Control-Allow-Origin": allowed})
    assert run(server)["bucket CORS"].outcome is OK


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, text="<Error><Code>AccessForbidden</Code></Error>"),
        httpx.Response(200),
        httpx.Response(200, headers={"Access-Control-Allow-Origin": "https://other.example"}),
    ],
)
def test_bucket_that_refuses_the_web_page_is_a_failure(
    server: FakeDoctorServer, answer: httpx.Response
) -> None:
    server.answers["S3"] = answer
    checks = run(server)
    assert checks["storage"].outcome is OK
    assert checks["bucket CORS"].outcome is FAILED
    assert f"WebOrigin={WEB_ORIGIN}" in str(checks["bucket CORS"].advice)
    assert ABORT in server.list_requests()


@pytest.mark.parametrize(
    "allowed", [None, "", "null", "https://a b", "https://x/?t=a-secret-token"]
)
def test_api_without_a_web_page_skips_the_cors(
    server: FakeDoctorServer, allowed: str | None
) -> None:
    headers = {} if allowed is None else {"Access-Control-Allow-Origin": allowed}
    server.answers["OPTIONS uploads/"] = httpx.Response(403, headers=headers)
    checks = run(server)
    assert checks["storage"].outcome is OK
    assert checks["API CORS"].outcome is WARNING
    assert checks["bucket CORS"].outcome is SKIPPED
    assert "No web client" in checks["bucket CORS"].detail


@pytest.mark.parametrize("origin", [None, WEB_ORIGIN])
def test_emulator_answers_no_browser(server: FakeDoctorServer, origin: str | None) -> None:
    # As ministack: 200, and no word of origins
    server.answers["OPTIONS uploads/"] = httpx.Response(200, json={})
    url, expected = f"http://127.0.0.1:18091{BASE}", Expectation(web_origin=origin)
    assert run(server, url, expected=expected)["API CORS"].outcome is SKIPPED


def test_preflight_of_the_api_may_get_lost(server: FakeDoctorServer) -> None:
    server.answers["OPTIONS uploads/"] = httpx.ReadTimeout("")
    assert run(server)["bucket CORS"].outcome is SKIPPED


def test_api_for_any_web_page_is_examined_for_one(server: FakeDoctorServer) -> None:
    allow_any = {"Access-Control-Allow-Origin": "*"}
    server.answers["OPTIONS uploads/"] = answer_preflight(**allow_any)
    server.answers["S3"] = httpx.Response(200, headers=allow_any)
    assert run(server)["bucket CORS"].outcome is OK
    assert server.requests[-2].headers["Origin"] == "https://example.org"


@pytest.mark.parametrize("answer", [make_problem(403), make_problem(503), httpx.ReadTimeout("")])
def test_upload_that_stays_open_is_told(server: FakeDoctorServer, answer: Answer) -> None:
    server.answers[ABORT] = answer
    checks = run(server)
    assert checks["storage"].outcome is WARNING
    assert "not aborted" in checks["storage"].detail
    assert server.list_requests().count(ABORT) <= 2


def test_upload_is_aborted_when_the_user_gives_up(server: FakeDoctorServer) -> None:
    # Given a user who presses Ctrl-C while S3 is asked
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    server.answers["S3"] = interrupt

    # When it goes through, then the upload is aborted before
    with pytest.raises(KeyboardInterrupt):
        run(server)
    assert server.list_requests()[-1] == ABORT


# --- whatever comes


def test_no_server_gets_a_secret_onto_the_screen(server: FakeDoctorServer) -> None:
    # Given a server that sends back what it got, with a terminal's commands
    echo = f"\x1b[2J{TOKEN} {PART_URL}"
    server.answers["GET tasks/"] = make_problem(502, echo, reason=echo)
    server.degrade(TOKEN, "\x1b[2J")

    # When all is examined; then neither is in what is told (see `run`)
    checks = run(server)
    assert "\x1b" not in "".join(check.detail for check in checks.values())
    assert "lake.s3.test" in checks["airflow"].detail


def test_check_that_breaks_is_told(server: FakeDoctorServer) -> None:
    # Given a fault of our own
    server.answers["GET hello/"] = RuntimeError("not a network's")

    # When all is examined, then that check failed and those behind it are skipped
    checks = run(server)
    assert checks["token"].outcome is FAILED
    assert "RuntimeError" in checks["token"].detail
    later = NAMES[NAMES.index("token") + 1 :]
    assert {checks[name].outcome for name in later} == {SKIPPED}
