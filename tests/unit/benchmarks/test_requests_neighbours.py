import asyncio
import json
from typing import Any

import pytest

from benchmarks import requests_hospital as hospital
from benchmarks.requests_neighbours import DELAY_S, TOKEN, Call, Neighbours, read_call
from benchmarks.requests_table import MemoryTable, UnknownRequestError
from tests.unit.benchmarks.conftest import Run
from workflow_manager.domain.exam import Exam, ExamTask, ExamWorkflow, ItemStatus, Patient
from workflow_manager.domain.task import TaskStatus
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}


def make_call(path: str, token: str = TOKEN, body: bytes = b"", target: str = "") -> Call:
    headers = {"authorization": f"Bearer {token}"} | ({"x-amz-target": target} if target else {})
    return Call("POST" if body else "GET", path, headers, body)


def make_put(version: int, **condition: Any) -> dict[str, Any]:
    return {"Item": {**KEY, "version": {"N": str(version)}}, **condition}


def is_new(version: int) -> dict[str, Any]:
    return make_put(version, ConditionExpression="attribute_not_exists(PK)")


def is_still(read: int) -> dict[str, Any]:
    values = {":version": {"N": str(read)}}
    return make_put(
        read + 1,
        ConditionExpression="#version = :version",
        ExpressionAttributeValues=values,
    )


def test_scanhubs_services_take_twice_as_long_and_refuse_strangers() -> None:
    path = f"/api/v1/exam/task/{hospital.make_id(7, hospital.SCAN)}"

    known = Neighbours().answer(make_call(path))
    stranger = Neighbours().answer(make_call(path, token="another"))

    assert (known[0], known[2]) == (200, 2 * DELAY_S)
    assert (stranger[0], stranger[2]) == (401, 2 * DELAY_S)


def test_whoever_checks_no_token_is_quicker() -> None:
    user = Neighbours().answer(make_call("/api/v1/userlogin/getcurrentuser"))
    dag = Neighbours().answer(make_call("/api/v2/dags/a-dag", token="airflows"))

    assert (user[0], user[2]) == (dag[0], dag[2]) == (200, DELAY_S)


@pytest.mark.parametrize("path", ["/", "/api/v1/nobody/1", "/another-bucket/key"])
def test_what_nobody_serves_is_not_found(path: str) -> None:
    assert Neighbours().answer(make_call(path))[0] == 404


def test_documents_are_read_by_our_models() -> None:
    workflow = ExamWorkflow.model_validate(hospital.make_workflow(7))
    exam = Exam.model_validate(hospital.make_exam(7))

    assert workflow.exam_id == exam.id
    assert Patient.model_validate(hospital.make_patient(7)).sex == "FEMALE"
    assert [task.workflow_id for task in workflow.tasks] == [workflow.id, workflow.id]


@pytest.mark.parametrize(("number", "status"), [(7, ItemStatus.NEW), (8, ItemStatus.FINISHED)])
def test_even_numbers_have_been_scanned(number: int, status: ItemStatus) -> None:
    task = ExamTask.model_validate(hospital.make_task(number, hospital.SCAN))

    assert task.status is status
    assert bool(task.results) is hospital.has_scanned(number)


def test_ids_are_read_as_they_were_made() -> None:
    assert hospital.read_id(hospital.make_id(300, hospital.EXAM)) == (300, hospital.EXAM)


def test_a_workflow_that_was_scanned_is_read_back_by_the_store() -> None:
    neighbours = Neighbours()
    neighbours.add_scanned(8)
    request = {
        "KeyConditionExpression": "PK = :pk AND begins_with(SK, :prefix)",
        "ExpressionAttributeValues": {
            ":pk": {"S": f"WORKFLOW#{hospital.make_id(8, hospital.WORKFLOW)}"},
            ":prefix": {"S": "TASK#"},
        },
    }
    target = "DynamoDB_20120810.Query"

    _, found, _ = neighbours.answer(
        make_call("/", body=json.dumps(request).encode(), target=target)
    )

    statuses = {item["status"]["S"] for item in found["Items"]}
    assert statuses == {TaskStatus.COMPLETED, TaskStatus.PENDING}


def test_the_queue_keeps_what_it_is_sent() -> None:
    neighbours = Neighbours()
    message = json.dumps({"start_dag_run": "run-1"})
    body = json.dumps({"MessageBody": message}).encode()

    neighbours.answer(make_call("/", body=body, target="AmazonSQS.SendMessage"))

    assert neighbours.messages == {"run-1": message}


def test_the_table_writes_what_is_new_once() -> None:
    table = MemoryTable()

    statuses = [table.answer("PutItem", is_new(1))[0] for _ in range(2)]

    assert statuses == [200, 400]


def test_the_table_writes_nothing_of_a_transaction_that_is_refused() -> None:
    table = MemoryTable()
    table.answer("PutItem", is_new(1))
    another = {"Item": {"PK": {"S": "another"}, "SK": {"S": "b"}}}
    request = {"TransactItems": [{"Put": another}, {"Put": is_still(2)}]}

    status, refusal = table.answer("TransactWriteItems", request)

    assert status == 400
    assert [each["Code"] for each in refusal["CancellationReasons"]] == [
        "None",
        "ConditionalCheckFailed",
    ]
    assert table.answer("GetItem", {"Key": another["Item"]}) == (200, {})


def test_the_table_replaces_what_is_still_as_it_was_read() -> None:
    table = MemoryTable()
    table.answer("PutItem", is_new(1))

    assert table.answer("PutItem", is_still(1))[0] == 200
    assert table.answer("GetItem", {"Key": KEY})[1]["Item"]["version"] == {"N": "2"}


def test_the_table_returns_of_several_items_those_that_are_there() -> None:
    table = MemoryTable()
    table.answer("PutItem", is_new(1))
    missing = {"PK": {"S": "another"}, "SK": {"S": "b"}}

    request = {"RequestItems": {"any": {"Keys": [missing, KEY]}}}
    status, answer = table.answer("BatchGetItem", request)

    assert status == 200
    assert [item["PK"] for item in answer["Responses"]["any"]] == [KEY["PK"]]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("Scan", {}),
        ("PutItem", make_put(1, ConditionExpression="size(PK) > 1")),
        ("Query", {"KeyConditionExpression": "PK = :pk"}),
    ],
)
def test_the_table_refuses_what_it_does_not_know(operation: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UnknownRequestError):
        MemoryTable().answer(operation, request_)


def test_a_store_may_fill_the_table() -> None:
    table = MemoryTable()
    store = DynamoDBStore(table, Settings(table_name="any"))

    store.commit(hospital.make_scanned(8))

    item = table.answer(
        "GetItem",
        {
            "Key": {
                "PK": {"S": f"WORKFLOW#{hospital.make_id(8, hospital.WORKFLOW)}"},
                "SK": {"S": "WORKFLOW"},
            }
        },
    )[1]
    assert item["Item"]["version"] == {"N": "1"}


def test_requests_of_one_connection_are_read_one_by_one(run: Run) -> None:
    async def read_three() -> list[Call | None]:
        reader = asyncio.StreamReader()
        reader.feed_data(
            b"PUT /a?b=c HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /d HTTP/1.1\r\n\r\n"
        )
        reader.feed_eof()
        return [await read_call(reader) for _ in range(3)]

    first, second, end = run(read_three())

    assert first is not None
    assert second is not None
    assert (first.method, first.path, first.read()) == ("PUT", "/a", {})
    assert (second.path, second.body, end) == ("/d", b"", None)
