import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.http import FakeServer
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.exam import HttpExamClient
from workflow_manager.domain.errors import (
    NeighbourRefusedError,
    UpstreamError,
    UpstreamRefusedError,
)
from workflow_manager.domain.exam import ItemStatus, ResultType
from workflow_manager.domain.operator_comment import put_word
from workflow_manager.domain.told_run import ToldFile, ToldRun

BASE = "http://exam-manager:8000/api/v1/exam"
TOLD = ToldRun(
    "run", "s3://lake/result/run", files=(ToldFile(ResultType.DICOM, "result/run", "a.dcm"),)
)
TASK = {
    "id": "task-1",
    "workflow_id": "workflow-1",
    "name": "Scan",
    "type": "DEVICE_TASK_SDK",
    "args": {"device_id": "scanner"},
    "destinations": {},
    "artifacts": {"unknown": "to us"},
    "comment": "as it was",
    "status": "NEW",
    "progress": 0,
    "is_template": False,
    "datetime_created": "2026-11-23T06:22:15.491907",
    "results": [],
}


def make_client(server: FakeServer) -> HttpExamClient:
    uri, auth = "http://exam-manager:8000/", BearerAuth("token-1")
    return HttpExamClient(server.client, uri, auth, lambda: SecretStr(PSEUDONYM_KEY))


def test_get_task_asks_with_the_callers_token() -> None:
    server = FakeServer(httpx.Response(200, json=TASK))
    assert make_client(server).get_task("task/1").id == "task-1"
    assert server.lines == [f"GET {BASE}/task/task%2F1"]
    assert server.requests[0].headers["Authorization"] == "Bearer token-1"


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (lambda client: client.get_workflow("a/b"), "/workflow/a%2Fb"),
        (lambda client: client.get_exam("a/b"), "/a%2Fb"),
        (lambda client: client.get_result("a/b"), "/result/a%2Fb"),
        (lambda client: client.list_exams("a/b"), "/all/a%2Fb"),
    ],
)
def test_ids_stay_in_their_segment_of_the_path(
    read: Callable[[HttpExamClient], object], path: str
) -> None:
    server = FakeServer(httpx.Response(404))
    with pytest.raises(UpstreamRefusedError):
        read(make_client(server))
    assert server.lines == [f"GET {BASE}{path}"]


READS: list[tuple[Callable[[HttpExamClient], object], str]] = [
    (lambda client: client.get_task("1"), "Failed to fetch task with id=1"),
    (lambda client: client.get_workflow("1"), "Failed to fetch workflow data"),
    (lambda client: client.get_exam("1"), "Failed to fetch exam"),
    (lambda client: client.get_result("1"), "Failed to fetch result with id=1"),
    (lambda client: client.list_exams("1"), "Failed to fetch exams of the patient"),
    (lambda c: c.report_task("1", ItemStatus.NEW, 0), "Failed to fetch task with id=1"),
]


@pytest.mark.parametrize(("read", "detail"), READS)
def test_reads_fail_with_scanhubs_text_and_status(
    read: Callable[[HttpExamClient], object], detail: str
) -> None:
    with pytest.raises(UpstreamRefusedError) as caught:
        read(make_client(FakeServer(httpx.Response(404, json={"detail": "Not found"}))))
    assert (caught.value.detail, caught.value.status) == (detail, 404)


@pytest.mark.parametrize(("read", "detail"), READS)
def test_reads_fail_when_the_answer_does_not_fit(
    read: Callable[[HttpExamClient], object], detail: str
) -> None:
    with pytest.raises(UpstreamError, match=detail):
        read(make_client(FakeServer(httpx.Response(200, json=["garbage"]))))


def test_report_task_puts_back_everything_but_status_and_progress() -> None:
    server = FakeServer(httpx.Response(200, json=TASK))
    make_client(server).report_task("task-1", ItemStatus.STARTED, 25)
    assert server.lines == [f"GET {BASE}/task/task-1", f"PUT {BASE}/task/task-1"]
    put = server.requests[1]
    assert put.headers["Content-Type"] == "application/json"
    assert put.headers["Authorization"] == "Bearer token-1"
    assert json.loads(put.content) == TASK | {"status": "STARTED", "progress": 25}


def test_report_task_carries_back_all_that_it_does_not_change() -> None:
    server = FakeServer(httpx.Response(200, json=TASK))
    make_client(server).report_task("task-1", word="Device offline.")
    comment = put_word("as it was", "Device offline.")
    assert json.loads(server.requests[1].content) == TASK | {"comment": comment}


def test_report_task_fails_when_the_put_is_refused() -> None:
    server = FakeServer(httpx.Response(200, json=TASK), httpx.Response(422))
    with pytest.raises(UpstreamRefusedError, match="Failed to update task with id=task-1"):
        make_client(server).report_task("task-1", ItemStatus.NEW, 0)


def test_report_run_posts_each_result() -> None:
    server = FakeServer(httpx.Response(200, json=TASK), httpx.Response(201, json={}))
    assert make_client(server).report_run("task-1", TOLD) == []
    assert server.lines == [f"GET {BASE}/task/task-1", f"POST {BASE}/result"]
    assert server.requests[1].content == (
        b'{"task_id":"task-1","type":"DICOM","status":"NEW",'
        b'"directory":"result/run","filename":"a.dcm","progress":0.0}'
    )


def test_report_run_fails_when_it_is_refused_by_a_proxy() -> None:
    server = FakeServer(httpx.Response(200, json=TASK), httpx.Response(400))
    with pytest.raises(UpstreamRefusedError):
        make_client(server).report_run("1", TOLD)


def test_a_run_without_files_is_told_by_its_task_alone() -> None:
    server = FakeServer(httpx.Response(500))
    assert make_client(server).report_run("1", ToldRun("run", "s3://lake/result/run")) == []
    assert server.lines == []


def test_a_failure_is_new_there_and_its_reason_in_the_comment() -> None:
    server = FakeServer(httpx.Response(200, json=TASK))
    make_client(server).report_task("task-1", ItemStatus.ERROR, 0, "Device offline.")
    comment = put_word("as it was", "Device offline.")
    told = {"status": "NEW", "progress": 0, "comment": comment}
    assert json.loads(server.requests[1].content) == TASK | told


@pytest.mark.parametrize(
    ("answer", "is_own"),
    [
        (httpx.Response(404, json={"detail": "Task not found"}), True),
        (httpx.Response(422, json={"detail": [{"loc": ["body", "type"]}]}), True),
        (httpx.Response(422, json={"detail": "Unprocessable"}), False),
        (httpx.Response(404, json={"detail": "Not Found"}), False),
        (httpx.Response(404, json={"detail": [{"msg": "Task not found"}]}), False),
        (httpx.Response(404, json=["Task not found"]), False),
        (httpx.Response(404, text="<html>Task not found"), False),
    ],
)
def test_get_task_tells_exam_managers_own_refusal_from_a_proxys(
    answer: httpx.Response, is_own: bool
) -> None:
    with pytest.raises(NeighbourRefusedError) as caught:
        make_client(FakeServer(answer)).get_task("1")
    assert caught.value.is_own is is_own


def list_refusals() -> list[dict[str, Any]]:
    """Return exam-manager's refusals, from the table of probes, of the requests we send."""
    table = json.loads(Path("tests/fixtures/scanhub_probes.json").read_text())["probes"]
    ours = ("GET exam/task/{", "GET exam/task/x", "GET exam/workflow/{", "GET exam/workflow/x")
    ours += ("PUT exam/task/", "POST exam/result")
    refused = [probe for probe in table if probe["status"] in (400, 403, 404)]
    found = [probe for probe in refused if probe["request"].startswith(ours)]
    return list({probe["answer"]: probe for probe in found}.values())


@pytest.mark.parametrize("refusal", list_refusals(), ids=lambda refusal: refusal["answer"][:40])
def test_each_refusal_of_exam_manager_is_its_own(refusal: dict[str, Any]) -> None:
    answer = httpx.Response(refusal["status"], json={"detail": refusal["answer"]})
    client = make_client(FakeServer(answer))
    writer = make_client(FakeServer(httpx.Response(200, json=TASK), answer))
    if refusal["request"].startswith("POST"):
        assert writer.report_run("1", TOLD) == ["Exam-manager refuses a result of type DICOM."]
        return
    with pytest.raises(NeighbourRefusedError) as caught:
        if refusal["request"].startswith("PUT"):
            writer.report_task("1", ItemStatus.STARTED, 0)
        else:
            client.get_workflow("1")
    assert (caught.value.status, caught.value.is_own) == (refusal["status"], True)


def test_half_of_a_pair_of_surrogates_in_a_task_is_replaced_and_hides_nothing() -> None:
    text = json.dumps(
        TASK | {"args": {"note": "a\ud800b", "key": "\ud83e\udde0"}, "comment": "\udc00"}
    )
    server = FakeServer(*[httpx.Response(200, content=text)] * 2, httpx.Response(200, json={}))
    client = make_client(server)

    assert client.get_task("task-1").args == {"note": "a\ufffdb", "key": "\U0001f9e0"}
    client.report_task("task-1", ItemStatus.NEW, 0)

    assert json.loads(server.requests[-1].content)["comment"] == "\ufffd"
