"""A table and a bucket in moto, keyed and indexed as the template does, and DynamoDB Local."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
import pytest
from botocore import signers
from moto import mock_aws

from local.dynamodb import UnavailableError, fetch, serve
from tests.fakes import moto_in_turn  # noqa: F401 - our calls of AWS may be side by side
from tests.permissions.recorder import watch
from workflow_manager.data_lake.s3 import build_s3_client
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

REGION = "eu-central-1"

watch(signers)


@pytest.fixture
def settings() -> Settings:
    return Settings(table_name="workflow-manager", bucket_name="data-lake")


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.fixture
def dynamodb(settings: Settings) -> Any:
    client = boto3.client("dynamodb")
    create_table(client, settings.table_name)
    return client


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    """AWS's own DynamoDB for a laptop; it runs as long as the tests of this process."""
    try:
        fetch()
    except UnavailableError as error:
        pytest.skip(f"NOTHING IS TESTED ON DYNAMODB LOCAL: {error} Try python -m local.dynamodb.")
    with serve() as url:
        yield url


@pytest.fixture
def dynamodb_local(dynamodb_local_url: str, settings: Settings) -> Iterator[Any]:
    """A client of DynamoDB Local, with a fresh table."""
    client = boto3.client("dynamodb", endpoint_url=dynamodb_local_url)
    create_table(client, settings.table_name)
    yield client
    client.delete_table(TableName=settings.table_name)
    client.close()


@pytest.fixture
def s3(settings: Settings) -> Any:
    client = build_s3_client()
    client.create_bucket(
        Bucket=settings.bucket_name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    client.put_bucket_versioning(
        Bucket=settings.bucket_name, VersioningConfiguration={"Status": "Enabled"}
    )
    return client


def expire_items(store: DynamoDBStore, at: datetime) -> None:
    """Do what DynamoDB does of itself, some time: no emulator does it at a time of ours."""
    client, table_name = store._table._client, store._table._name
    for item in client.scan(TableName=table_name)["Items"]:
        if "expires_at" in item and int(item["expires_at"]["N"]) <= at.timestamp():
            key = {"PK": item["PK"], "SK": item["SK"]}
            client.delete_item(TableName=table_name, Key=key)


def create_table(client: Any, table_name: str) -> None:
    client.create_table(
        TableName=table_name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("PK", "SK", "due", "due_at", "listed", "listed_at")
        ],
        KeySchema=[
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due-index",
                "KeySchema": [
                    {"AttributeName": "due", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
            {
                "IndexName": "listing-index",
                "KeySchema": [
                    {"AttributeName": "listed", "KeyType": "HASH"},
                    {"AttributeName": "listed_at", "KeyType": "RANGE"},
                ],
                "Projection": {
                    "ProjectionType": "INCLUDE",
                    "NonKeyAttributes": ["state", "status", "dag_id"],
                },
            },
        ],
    )
