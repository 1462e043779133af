import asyncio
from typing import Any

import pytest

from benchmarks.requests_neighbours import (
    DELAY_S,
    EXAM,
    PATIENT,
    RECONSTRUCTION,
    SCAN,
    WORKFLOW,
    Call,
    MemoryTable,
    Neighbours,
    UnknownRequestError,
    make_document,
    make_id,
    make_processed_id,
    read_call,
)
from local.samples import TOKEN
from tests.unit.benchmarks.conftest import Run
from workflow_manager.domain.exam import Exam, ExamTask, ExamWorkflow, ItemStatus, Patient

KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}
BY_PK = {":pk": {"S": "a"}}


def make_call(path: str, token: str = TOKEN, body: bytes = b"", target: str = "") -> Call:
    headers = {"authorization": f"Bearer {token}"} | ({"x-amz-target": target} if target else {})
    return Call("POST" if body else "GET", path, headers, body)


def is_new(**key: dict[str, str]) -> dict[str, Any]:
    item = {**KEY, **key, "version": {"N": "1"}}
    return {"Item": item, "ConditionExpression": "attribute_not_exists(PK)"}


def is_still(read: int) -> dict[str, Any]:
    return {
        "Item": {**KEY, "version": {"N": str(read + 1)}},
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeValues": {":version": {"N": str(read)}},
    }


@pytest.mark.parametrize(
    ("path", "token", "status", "delay_s"),
    [
        (f"/api/v1/exam/task/{make_id(7, SCAN)}", TOKEN, 200, 2 * DELAY_S),
        (f"/api/v1/exam/task/{make_id(7, SCAN)}", "another", 401, 2 * DELAY_S),
        ("/api/v2/dags/a", TOKEN, 200, 2 * DELAY_S),
        ("/api/v1/userlogin/getcurrentuser", TOKEN, 200, DELAY_S),
        ("/api/v1/userlogin/getcurrentuser", "another", 401, DELAY_S),
        ("/", TOKEN, 404, DELAY_S),
        ("/api/v1/nobody/1", TOKEN, 404, 2 * DELAY_S),
    ],
)
def test_scanhubs_services_take_twice_as_long_and_strangers_are_refused(
    path: str, token: str, status: int, delay_s: float
) -> None:
    answer = Neighbours().answer(make_call(path, token))

    assert (answer[0], answer[2]) == (status, delay_s)


def test_documents_are_read_by_our_models() -> None:
    workflow = ExamWorkflow.model_validate_json(make_document(make_id(7, WORKFLOW)))
    exam = Exam.model_validate_json(make_document(make_id(7, EXAM)))

    assert (workflow.id, workflow.exam_id, exam.id) == (
        make_id(7, WORKFLOW),
        make_id(7, EXAM),
        make_id(7, EXAM),
    )
    assert exam.patient_id == make_id(7, PATIENT)
    assert Patient.model_validate_json(make_document(exam.patient_id)).birth_date
    assert [task.workflow_id for task in workflow.tasks] == [workflow.id, workflow.id]


def test_every_workflow_has_a_scan_to_come_on_a_device_of_its_own() -> None:
    task = ExamTask.model_validate_json(make_document(make_id(7, SCAN)))

    assert task.status is ItemStatus.NEW
    assert task.args["device_id"].startswith("00000007-")


def test_the_table_writes_what_is_new_once_and_all_or_nothing() -> None:
    table = MemoryTable()
    another = {"PK": {"S": "another"}, "SK": {"S": "b"}}

    assert [table.answer("PutItem", is_new())[0] for _ in range(2)] == [200, 400]
    request = {"TransactItems": [{"Put": is_new(**another)}, {"Put": is_still(2)}]}
    status, refusal = table.answer("TransactWriteItems", request)

    assert status == 400
    codes = [each["Code"] for each in refusal["CancellationReasons"]]
    assert codes == ["None", "ConditionalCheckFailed"]
    assert table.answer("GetItem", {"Key": another}) == (200, {})


def test_the_table_replaces_what_is_still_as_it_was_read() -> None:
    table = MemoryTable()
    table.answer("PutItem", is_new())

    assert table.answer("PutItem", is_still(1))[0] == 200
    assert table.answer("GetItem", {"Key": KEY})[1]["Item"]["version"] == {"N": "2"}


def test_the_table_returns_of_several_items_those_that_are_there() -> None:
    table = MemoryTable()
    table.answer("PutItem", is_new())
    missing = {"PK": {"S": "another"}, "SK": {"S": "b"}}

    _, answer = table.answer("BatchGetItem", {"RequestItems": {"any": {"Keys": [missing, KEY]}}})

    assert [item["PK"] for item in answer["Responses"]["any"]] == [KEY["PK"]]


def test_the_table_has_the_state_of_a_workflow_whose_scan_has_left_its_data() -> None:
    workflow_id = make_processed_id(7, WORKFLOW)
    request = {
        "KeyConditionExpression": "PK = :pk AND begins_with(SK, :prefix)",
        "ExpressionAttributeValues": {
            ":pk": {"S": f"WORKFLOW#{workflow_id}"},
            ":prefix": {"S": "TASK#"},
        },
    }

    _, answer = MemoryTable().answer("Query", request)

    found = {item["task_id"]["S"]: item["status"]["S"] for item in answer["Items"]}
    assert found == {
        make_processed_id(7, SCAN): "COMPLETED",
        make_processed_id(7, RECONSTRUCTION): "PENDING",
    }


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("Scan", {}),
        ("PutItem", {"Item": KEY, "ConditionExpression": "size(PK) > 1"}),
        ("Query", {"KeyConditionExpression": "PK = :pk", "ExpressionAttributeValues": BY_PK}),
    ],
)
def test_the_table_refuses_what_it_does_not_know(operation: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UnknownRequestError):
        MemoryTable().answer(operation, request_)


def test_requests_of_one_connection_are_read_one_by_one(run: Run) -> None:
    async def read_three() -> list[Call | None]:
        reader = asyncio.StreamReader()
        first = b"PUT /a?b=c HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
        reader.feed_data(first + b"GET /d HTTP/1.1\r\n\r\n")
        reader.feed_eof()
        return [await read_call(reader) for _ in range(3)]

    assert run(read_three()) == [
        Call("PUT", "/a", {"content-length": "2"}, b"{}"),
        Call("GET", "/d", {}, b""),
        None,
    ]
