"""`Idempotency-Key` on the real table, as Powertools keeps it."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.fakes.aws_denials import DENIALS
from tests.fakes.aws_wire import answering
from tests.integration.conftest import REGION
from tests.integration.deployment import BUCKET, DAG_ID, TABLE, Deployment, deploy
from workflow_manager import wiring
from workflow_manager.domain.errors import MissingPermissionError

BODY = {"dag_id": DAG_ID, "file_name": "Jane Doe.h5", "size_bytes": 4}


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws(), deploy() as deployment:
        yield deployment


def create(deployment: Deployment, key: str, actor: str = "operator", **changes: Any) -> Any:
    headers: dict[str, str | None] = {"Idempotency-Key": key}
    body = BODY | changes
    answer = deployment.call("create_upload", "POST", "/uploads/", body, headers, actor)
    return answer["statusCode"], json.loads(answer["body"])


def count_open_uploads() -> int:
    return len(boto3.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))


@pytest.mark.parametrize("is_scan", [False, True])
def test_create_upload_with_the_same_key_and_body_is_the_same_upload(
    deployment: Deployment, *, is_scan: bool
) -> None:
    target = {"dag_id": None, "task_id": deployment.task_ids[0]} if is_scan else {}
    if is_scan:
        deployment.call("process_workflow", "POST", f"/process/{deployment.workflow_id}/")

    first_status, first = create(deployment, "key-1", **target)
    again_status, again = create(deployment, "key-1", **target)

    assert (first_status, again_status) == (201, 201)
    assert again["upload_id"] == first["upload_id"]
    assert [part["part_number"] for part in again["parts"]] == [1]
    assert count_open_uploads() == 1


def test_create_upload_with_the_same_key_and_another_body_is_refused(
    deployment: Deployment,
) -> None:
    create(deployment, "key-1")

    status, problem = create(deployment, "key-1", size_bytes=5)

    assert status == 422
    assert "another request" in problem["detail"]
    assert count_open_uploads() == 1


def test_create_upload_with_another_key_or_of_another_user_is_another_upload(
    deployment: Deployment,
) -> None:
    answers = [
        create(deployment, "key-1"),
        create(deployment, "key-2"),
        create(deployment, "key-1", actor="another"),
    ]

    assert len({answer["upload_id"] for _, answer in answers}) == 3


def test_create_upload_that_was_refused_may_be_tried_again_with_its_key(
    deployment: Deployment,
) -> None:
    refused, _ = create(deployment, "key-1", dag_id="unknown")

    status, _ = create(deployment, "key-1")

    assert (refused, status) == (404, 201)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_create_upload_refuses_a_key_that_is_none(deployment: Deployment, key: str) -> None:
    status, problem = create(deployment, key)

    assert status == 422
    assert problem["detail"][0]["loc"] == ["header", "Idempotency-Key"]


def test_idempotency_keeps_no_key_name_or_url_in_the_table(deployment: Deployment) -> None:
    _, plan = create(deployment, "key-of-jane")

    items = boto3.client("dynamodb").scan(TableName=TABLE)["Items"]
    [record] = [item for item in items if item["PK"]["S"] == "IDEMPOTENCY"]

    assert plan["upload_id"] in record["data"]["S"]
    assert "key-of-jane" not in json.dumps(record)
    assert "Jane Doe" not in json.dumps(record)
    assert "X-Amz" not in json.dumps(record)
    assert int(record["expires_at"]["N"]) > 0


def test_create_upload_with_a_key_says_that_the_table_is_away(deployment: Deployment) -> None:
    boto3.client("dynamodb").delete_table(TableName=TABLE)

    status, _ = create(deployment, "key-1")

    assert status == 503


def test_create_upload_with_a_key_says_that_the_table_may_not_be_used(
    deployment: Deployment,
) -> None:
    client = wiring._aws_client("dynamodb")
    denial = next(each for each in DENIALS if each.service == "dynamodb")

    with answering(client, denial.answer):
        status, problem = create(deployment, "key-1")

    assert (status, problem["detail"]) == (503, MissingPermissionError().detail)


def test_create_upload_with_the_key_of_an_aborted_upload_asks_for_a_new_key(
    deployment: Deployment,
) -> None:
    _, plan = create(deployment, "key-1")
    deployment.call("abort_upload", "DELETE", f"/uploads/{plan['upload_id']}/")

    status, problem = create(deployment, "key-1")

    assert status == 409
    assert "begin a new one" in problem["detail"]
