"""A ScanHub of another generation is named, and is no outage."""

import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.fakes.clients import PSEUDONYM_KEY
from tests.fakes.http import FakeServer
from tests.fakes.records_2026 import make_dag_task, make_scan, make_workflow
from workflow_manager.clients.auth import BearerAuth
from workflow_manager.clients.exam import HttpExamClient
from workflow_manager.clients.exam_2026 import HttpExamClient2026
from workflow_manager.clients.exam_http import ExamHttp
from workflow_manager.domain.errors import ForeignContractError, UpstreamError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.http.problems import status_of

C_SPEAKS = "exam-manager speaks 2026-02, deployed for 2025-03"
B_SPEAKS = "exam-manager speaks 2025-07, deployed for 2025-03"
A_SPEAKS = "exam-manager speaks 2025-03, deployed for 2026-02"
_B_TASK = {key: value for key, value in make_dag_task().items() if key != "position"}
B_TASK = {key: value for key, value in _B_TASK.items() if key != "input_task_ids"} | {
    "input_id": None
}


def make_client(kind: type[ExamHttp], body: object) -> tuple[Any, FakeServer]:
    server, auth = FakeServer(httpx.Response(200, json=body)), BearerAuth("token-1")
    key = SecretStr(PSEUDONYM_KEY)
    return kind(server.client, "http://exam-manager", auth, lambda: key), server


def document(**schemas: object) -> dict[str, object]:
    properties = {name: {"properties": each} for name, each in schemas.items()}
    return {"openapi": "3.1.0", "paths": {}, "components": {"schemas": properties}}


Read = Callable[[Any], object]
ANSWERS: list[tuple[Read, object, str, str]] = [
    (lambda c: c.get_task("1"), make_scan(), C_SPEAKS, "task_type"),
    (lambda c: c.get_task("1"), make_dag_task(), C_SPEAKS, "task_type"),
    (lambda c: c.get_task("1"), B_TASK, B_SPEAKS, "input_id"),
    (lambda c: c.get_workflow("1"), make_workflow(make_scan()), C_SPEAKS, "task_type"),
    (
        lambda c: c.list_exams("1"),
        *([{"id": "e", "workflows": [make_workflow(make_scan())]}], C_SPEAKS, "task_type"),
    ),
    (lambda c: c.report_task("1", ItemStatus.NEW, 0), make_scan(), C_SPEAKS, "task_type"),
]


@pytest.mark.parametrize(("read", "body", "words", "field"), ANSWERS)
def test_the_first_answer_that_does_not_fit_names_the_generation(
    read: Read, body: object, words: str, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, server = make_client(HttpExamClient, body)
    with pytest.raises(ForeignContractError) as caught:
        read(client)
    assert caught.value.detail == words
    # No 502, which is what an outage is.
    assert status_of(caught.value) == 503
    assert len(server.requests) == 1
    [record] = caplog.records
    assert (record.levelno, getattr(record, "field", None)) == (logging.ERROR, field)
    assert "Jane Doe" not in caplog.text


def test_an_answer_of_no_generation_is_a_failure_like_any_other() -> None:
    client, _ = make_client(HttpExamClient, {"id": "1"})
    with pytest.raises(UpstreamError) as caught:
        client.get_task("1")
    assert not isinstance(caught.value, ForeignContractError)


C_DOCUMENT = document(BaseDAGTask={"input_task_ids": {}})
A_DOCUMENT = document(BaseTask={"type": {}, "args": {}})


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (HttpExamClient, C_DOCUMENT, C_SPEAKS),
        (HttpExamClient, document() | {"paths": {"/api/v1/exam/task/reorder": {}}}, C_SPEAKS),
        (HttpExamClient, document(BaseDAGTask={"input_id": {}}), B_SPEAKS),
        (HttpExamClient, A_DOCUMENT, None),
        (HttpExamClient2026, A_DOCUMENT, A_SPEAKS),
        (HttpExamClient2026, C_DOCUMENT, None),
        (HttpExamClient, document(Pet={"name": {}}), None),
        (HttpExamClient, ["garbage"], None),
        (HttpExamClient, {"components": "garbage", "paths": ["/"]}, None),
    ],
)
def test_exam_managers_own_description_tells_its_generation(
    kind: type[ExamHttp], body: object, words: str | None
) -> None:
    client, server = make_client(kind, body)
    assert client.find_foreign_contract() == words
    assert server.lines == ["GET http://exam-manager/api/v1/exam/openapi.json"]
    assert server.tokens == [None]
