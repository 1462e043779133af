import json
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest

from scanhub_workflow import Client, errors
from scanhub_workflow.models import CreateUploadBody, InvalidField
from tests.unit.client.conftest import URL, FakeClock

MakeClient = Callable[..., Client]
HELLO = {"message": "Hello, World!"}


def test_url_and_token_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given both in the environment
    monkeypatch.setenv("SCANHUB_WORKFLOW_URL", URL)
    monkeypatch.setenv("SCANHUB_WORKFLOW_TOKEN", "from-the-environment\n")
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=HELLO)

    # When the API greets
    with Client(transport=httpx.MockTransport(answer)) as client:
        assert client.hello() == "Hello, World!"

    # Then both went along, and the client is closed
    assert str(seen[0].url) == f"{URL}/hello/"
    assert seen[0].headers["Authorization"] == "Bearer from-the-environment"
    with pytest.raises(RuntimeError, match="closed"):
        client.hello()


@pytest.mark.parametrize("missing", ["SCANHUB_WORKFLOW_URL", "SCANHUB_WORKFLOW_TOKEN"])
def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("SCANHUB_WORKFLOW_URL", URL)
    monkeypatch.setenv("SCANHUB_WORKFLOW_TOKEN", "t")
    monkeypatch.delenv(missing)
    with pytest.raises(errors.ConfigurationError, match=missing):
        Client()


def test_repr_tells_no_secret() -> None:
    with Client("https://api.test/", "a-token") as client:
        shown = f"{client!r} {vars(client)!r}"
    assert "api.test" in shown
    assert "a-token" not in shown
    # httpx would send a login in the URL in place of the token
    with pytest.raises(errors.ConfigurationError, match="host and path only") as told:
        Client("https://user:password@api.test/", "a-token")
    assert "password" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (413, errors.PayloadTooLargeError),
        (418, errors.ApiError),
        (422, errors.InvalidInputError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
def test_problem_becomes_an_error(
    make_client: MakeClient, status: int, error: type[errors.ApiError]
) -> None:
    # Given an API that refuses
    problem = {"type": "about:blank", "title": "", "status": status, "detail": "No.", "reason": "R"}
    headers = {"x-amzn-RequestId": "request-1"}
    client = make_client(lambda _: httpx.Response(status, json=problem, headers=headers))

    # When it is called, then the error has all that the problem told
    with pytest.raises(error) as caught:
        client.trigger_task("t")
    assert type(caught.value) is error
    told = caught.value
    assert (told.status, told.detail, told.reason, told.request_id) == (
        status,
        "No.",
        "R",
        "request-1",
    )
    assert str(told) == f"No.: R (HTTP {status}, request request-1)"


def test_invalid_fields_are_named(make_client: MakeClient) -> None:
    field = InvalidField(loc=["query", "limit"], msg="Too large", type="t").model_dump()
    client = make_client(lambda _: httpx.Response(422, json={"detail": [field]}))
    with pytest.raises(errors.InvalidInputError, match=r"query\.limit: Too large"):
        client.get_dag_run("r")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"x"', b"{}"])
def test_answer_of_a_proxy_is_an_error_all_the_same(make_client: MakeClient, body: bytes) -> None:
    client = make_client(lambda _: httpx.Response(500, content=body))
    with pytest.raises(errors.ServerError, match="Internal Server Error"):
        client.get_dag_run("r")


def test_what_this_client_does_not_understand_is_said_without_the_data(
    make_client: MakeClient,
) -> None:
    # Given another API, and a URL that leads elsewhere
    other = make_client(lambda _: httpx.Response(200, json={"tasks": {"dags": "Jane Doe"}}))
    elsewhere = make_client(lambda _: httpx.Response(307, headers={"Location": "https://x.test"}))

    # When they are called, then the error says so
    with pytest.raises(errors.UnexpectedAnswerError, match=r"tasks\.dags") as caught:
        other.list_available_tasks()
    assert "Jane" not in str(caught.value)
    assert caught.value.__context__ is None
    with pytest.raises(errors.UnexpectedAnswerError, match="redirect"):
        elsewhere.hello()


def test_answer_with_a_thousand_faults_is_told_in_a_line(make_client: MakeClient) -> None:
    answer = {"dag_runs": [{}] * 1000, "next_cursor": None}
    client = make_client(lambda _: httpx.Response(200, json=answer))
    with pytest.raises(errors.UnexpectedAnswerError, match=r"and \d+ more") as caught:
        next(client.list_dag_runs())
    assert len(str(caught.value)) < 300


def count_calls(failures: list[int | None]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        if not failures:
            return httpx.Response(200, json=HELLO)
        status = failures.pop(0)
        if status is None:
            raise httpx.ConnectError("down")
        return httpx.Response(status)

    return answer


def test_reading_is_tried_again(make_client: MakeClient, fake_clock: FakeClock) -> None:
    # Given an API that is down for a moment
    client = make_client(count_calls([None, 503, 429]))

    # When something is read, then it comes after growing waits
    assert client.hello() == HELLO["message"]
    assert fake_clock.sleeps == [1, 2, 4]


def test_reading_is_tried_a_bounded_number_of_times(make_client: MakeClient) -> None:
    failures: list[int | None] = [None] * 4 + [503] * 4
    client = make_client(count_calls(failures))
    with pytest.raises(errors.UnreachableError, match="network"):
        client.hello()
    with pytest.raises(errors.ServerError):
        client.hello()
    assert not failures


@pytest.mark.parametrize("failure", [None, 503, 504])
@pytest.mark.parametrize(
    "start",
    [
        lambda client: client.process_workflow("w"),
        lambda client: client.trigger_task("t"),
        lambda client: client.retry_task("w", "t"),
        lambda client: client.retry_dag_run("r"),
    ],
)
def test_a_start_is_never_sent_twice(
    make_client: MakeClient, start: Callable[[Client], Any], failure: int | None
) -> None:
    # Given an API whose answer does not come: the scan may have started
    failures = [failure, failure]
    client = make_client(count_calls(failures))

    # When something is started, then the caller is told
    with pytest.raises((errors.UnreachableError, errors.ServerError)):
        start(client)
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("start", "path"),
    [
        (lambda client: client.trigger_task("t", expected_attempt=0), "/trigger_task/t/"),
        (
            lambda client: client.retry_task("w", "t", expected_attempt=0),
            "/workflows/w/tasks/t/retry/",
        ),
    ],
)
def test_start_of_an_attempt_that_is_named_is_sent_again(
    make_client: MakeClient, start: Callable[[Client], Any], path: str
) -> None:
    # Given an API whose first answer is lost, and that refuses by then
    requests: list[httpx.Request] = []
    problem = {"title": "Conflict", "status": 409, "detail": "It is at attempt 1.", "attempt": 1}

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(409, json=problem) if len(requests) > 1 else httpx.Response(504)

    client = make_client(answer)

    # When the start of the next attempt is sent, then again, and it says which one
    with pytest.raises(errors.ConflictError, match="attempt 1"):
        start(client)
    assert len(requests) == 2
    assert {(r.url.path.endswith(path), r.url.query) for r in requests} == {
        (True, b"expected_attempt=0")
    }


BODY = CreateUploadBody(file_name="f", size_bytes=1, dag_id="d")


@pytest.mark.parametrize(
    ("call", "n_calls"),
    [
        (lambda client: client.create_upload(BODY, idempotency_key="k"), 2),
        (lambda client: client.create_upload(BODY), 1),
        (lambda client: client.complete_upload("u", []), 2),
        (lambda client: client.abort_upload("u"), 2),
    ],
)
def test_of_an_upload_all_is_repeated_that_may_be(
    make_client: MakeClient, call: Callable[[Client], Any], n_calls: int
) -> None:
    # Given an API that fails once, and then refuses
    failures: list[int | None] = [503, 418]
    client = make_client(count_calls(failures))

    # When it is called, then again where that changes nothing
    with pytest.raises(errors.ApiError):
        call(client)
    assert len(failures) == 2 - n_calls


@pytest.mark.parametrize("bad", ["", ".", ".."])
def test_id_leads_to_its_own_path_only(make_client: MakeClient, bad: str) -> None:
    # Given an API that keeps what it is asked
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404, json={"detail": "No."})

    client = make_client(answer)

    # When an id holds anything, then it stays one segment; and none that is no segment is sent
    with pytest.raises(errors.NotFoundError):
        client.get_workflow("../a b?c#d")
    with pytest.raises(ValueError, match="empty"):
        client.get_workflow(bad)
    assert seen == [b"/api/workflows/..%2Fa%20b%3Fc%23d/"]


def test_pages_are_fetched_when_they_are_needed(make_client: MakeClient) -> None:
    # Given three pages, the second of them empty
    pages = {None: (["a", "b"], "1"), "1": ([], "2"), "2": (["c"], None)}
    seen: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.url.params))
        ids, cursor = pages[request.url.params.get("cursor")]
        at = "2026-11-23T22:00:00Z"
        fields = {"exam_id": None, "status": "running", "created_at": at, "updated_at": at}
        workflows = [{"workflow_id": each, **fields} for each in ids]
        return httpx.Response(200, json={"workflows": workflows, "next_cursor": cursor})

    found = make_client(answer).list_workflows(
        status="running", since=date(2026, 11, 1), until="2026-11-23T12:00:00+01:00", page_size=2
    )

    # When the first two are taken, then one page was fetched
    assert not seen
    assert [next(found).workflow_id, next(found).workflow_id] == ["a", "b"]
    assert len(seen) == 1

    # And the rest comes with the filters it began with
    assert [each.workflow_id for each in found] == ["c"]
    filters = {"status": "running", "limit": "2", "from": "2026-11-01"}
    filters["to"] = "2026-11-23T12:00:00+01:00"
    assert seen == [filters, filters | {"cursor": "1"}, filters | {"cursor": "2"}]


def test_large_file_is_not_sent_in_a_request(make_client: MakeClient, tmp_path: Any) -> None:
    path = tmp_path / "large.h5"
    path.write_bytes(bytes(4 * 2**20 + 1))
    client = make_client(lambda _: httpx.Response(500))
    with pytest.raises(errors.UploadError, match=r"Client\.upload"):
        client.upload_and_trigger("d", path)


def test_body_of_a_plan_leaves_out_what_is_not_said(make_client: MakeClient) -> None:
    # Given an API that keeps what it is sent
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, json={"detail": "No."})

    # When an upload is completed without a checksum
    with pytest.raises(errors.NotFoundError):
        make_client(answer).complete_upload("u", [])
    assert json.loads(seen[0].content) == {"parts": []}


def test_the_dags_of_a_server_for_todays_scanhub_are_its_jobs(make_client: MakeClient) -> None:
    dag = {"dag_id": "reco", "dag_display_name": "Reconstruction", "is_paused": True}
    job = {"job_id": "airflow::dags::reco", "job_name": "Reconstruction", **dag}
    client = make_client(lambda _: httpx.Response(200, json=[job]))
    listed = client.list_available_tasks().tasks
    assert listed.total_entries == 1
    assert [(each.dag_id, each.is_paused) for each in listed.dags] == [("reco", True)]


def test_a_scan_with_nothing_to_scan_is_told_as_not_started(make_client: MakeClient) -> None:
    client = make_client(lambda _: httpx.Response(204))
    with pytest.raises(errors.UnexpectedAnswerError, match="Nothing was started"):
        client.trigger_task("1")
