"""Delete the data that outlives a stack; each step can be repeated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.config import StackError
from tools.aws import Aws, get_code

# In the order of deletion: the key is last, because all others are encrypted with it.
KINDS = {
    "AWS::S3::Bucket": "data lake",
    "AWS::DynamoDB::Table": "table",
    "AWS::Logs::LogGroup": "log group",
    "AWS::KMS::Key": "key",
}
GONE = "already gone."
_MAX_ROUNDS = 5
# The most objects that S3 deletes at once.
_PAGE = {"PageSize": 1000}


@dataclass(frozen=True)
class DataItem:
    """A thing that may outlive a stack.

    Parameters
    ----------
    kind
        Its type in CloudFormation.
    name
        Its name, or the id of a key.
    """

    kind: str
    name: str


def delete_data(aws: Aws, item: DataItem, account: str, key_days: int) -> str:
    """Delete an item for good and return what has become of it.

    Parameters
    ----------
    account
        The owner: another account may have taken a bucket's name meanwhile.
    key_days
        How long the deletion of a key can be cancelled [days].
    """
    match item.kind:
        case "AWS::S3::Bucket":
            return delete_bucket(aws.connect("s3"), item.name, account)
        case "AWS::DynamoDB::Table":
            return delete_table(aws.connect("dynamodb"), item.name)
        case "AWS::Logs::LogGroup":
            return delete_log_group(aws.connect("logs"), item.name)
    return schedule_key(aws.connect("kms"), item.name, key_days)


def delete_bucket(s3: Any, bucket: str, account: str) -> str:
    """Delete a bucket of an account with all versions, delete markers and unfinished uploads."""
    whose = {"Bucket": bucket, "ExpectedBucketOwner": account}
    n_deleted = 0
    try:
        # The next round deletes what presigned URLs have uploaded meanwhile.
        for _ in range(_MAX_ROUNDS):
            n_deleted += _empty(s3, whose)
            try:
                s3.delete_bucket(**whose)
            except ClientError as error:
                if get_code(error) != "BucketNotEmpty":
                    raise
            else:
                return f"deleted, with {n_deleted} versions of objects."
    except ClientError as error:
        if get_code(error) == "NoSuchBucket":
            return GONE
        raise
    raise StackError(f"{bucket} fills while it is emptied: stop what uploads, and call again.")


def _empty(s3: Any, whose: dict[str, str]) -> int:
    n_deleted = 0
    for page in s3.get_paginator("list_object_versions").paginate(**whose, PaginationConfig=_PAGE):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if found:
            _delete_page(s3, whose, [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in found])
            n_deleted += len(found)
            print(f"{whose['Bucket']}: {n_deleted} versions deleted", flush=True)
    for upload in _list_uploads(s3, whose):
        try:
            s3.abort_multipart_upload(**whose, Key=upload["Key"], UploadId=upload["UploadId"])
        except ClientError as error:
            if get_code(error) != "NoSuchUpload":
                raise
    return n_deleted


def _list_uploads(s3: Any, whose: dict[str, str]) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_multipart_uploads").paginate(**whose):
        yield from page.get("Uploads", [])


def _delete_page(s3: Any, whose: dict[str, str], versions: list[dict[str, str]]) -> None:
    try:
        answer = s3.delete_objects(**whose, Delete={"Objects": versions, "Quiet": True})
    except ClientError as error:
        if get_code(error) != "MalformedXML":
            raise
        # A key may hold characters that XML cannot express.
        for version in versions:
            s3.delete_object(**whose, **version)
        return
    if errors := answer.get("Errors", []):
        # Without the key, which may hold a patient's name.
        codes = ", ".join(sorted({str(each.get("Code")) for each in errors}))
        raise StackError(f"{len(errors)} versions in {whose['Bucket']} cannot be deleted: {codes}.")


def delete_table(dynamodb: Any, table: str) -> str:
    """Switch a table's protection off and delete it."""
    try:
        found = dynamodb.describe_table(TableName=table)["Table"]
        if found["TableStatus"] != "DELETING":
            if found.get("DeletionProtectionEnabled"):
                dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            # A table that is being updated cannot be deleted.
            dynamodb.get_waiter("table_exists").wait(TableName=table)
            dynamodb.delete_table(TableName=table)
        dynamodb.get_waiter("table_not_exists").wait(TableName=table)
    except ClientError as error:
        if get_code(error) == "ResourceNotFoundException":
            return GONE
        raise
    return "deleted."


def delete_log_group(logs: Any, name: str) -> str:
    """Delete a log group."""
    try:
        logs.delete_log_group(logGroupName=name)
    except ClientError as error:
        if get_code(error) == "ResourceNotFoundException":
            return GONE
        raise
    return "deleted."


def schedule_key(kms: Any, key_id: str, days: int) -> str:
    """Have AWS delete a key after some days, during which that can be cancelled."""
    try:
        key = kms.describe_key(KeyId=key_id)["KeyMetadata"]
        if key["KeyState"] != "PendingDeletion":
            key = kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=days)
    except ClientError as error:
        if get_code(error) == "NotFoundException":
            return GONE
        raise
    return f"will be deleted on {key['DeletionDate']:%Y-%m-%d}."
