"""What IAM asks for each call, by the service authorization reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-central-1"
CODE = {"lambda:SourceFunctionArn": "code"}
"""Lambda adds it to calls of a function's code, and not to its own in the function's name:
https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"""


@dataclass(frozen=True)
class Need:
    """A right that a call needs.

    Parameters
    ----------
    action
        As in a policy.
    resource
        ARN, with the logical id of the template in place of a generated name.
    context
        Condition keys of the request and their values.
    """

    action: str
    resource: str
    context: frozenset[tuple[str, str]] = field(default_factory=frozenset)


def arn_of(service: str, name: str) -> str:
    """Return an ARN in this account; buckets are global."""
    place = ":" if service == "s3" else f"{REGION}:{ACCOUNT}"
    return f"arn:aws:{service}:{place}:{name}"


def need(action: str, resource: str, **context: str) -> Need:
    keys = {name.replace("__", ":"): value for name, value in context.items()}
    return Need(action, resource, frozenset((CODE | keys).items()))


def key_needs(service: str, *actions: str) -> list[Need]:
    """Return what the service does in the caller's name with the key of table and data lake."""
    via = {"kms__ViaService": f"{service}.{REGION}.amazonaws.com"}
    return [need(f"kms:{action}", arn_of("kms", "key/DataKey"), **via) for action in actions]


def read_calls(folder: Path) -> list[dict[str, Any]]:
    """Return what all processes wrote down."""
    lines = {line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()}
    return [json.loads(line) for line in sorted(lines)]


def needs_of(call: dict[str, Any]) -> list[Need]:
    """Return what a recorded call needs.

    Raises
    ------
    LookupError
        No rule here knows the operation, or the resource is none of the template's.
    """
    return list(SERVICES[call["service"]](call["operation"], call["request"], call["names"]))


# ------------------------------------------------------------------------------- DynamoDB
READS = {"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
READ_KEY_ACTIONS = ("Decrypt",)
WRITE_KEY_ACTIONS = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
# A transaction needs the right of each of its items:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


def dynamodb_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    if operation not in READS | WRITES:
        raise LookupError(f"dynamodb {operation}")
    body = request["body"]
    for action, table, index in list_table_actions(operation, body):
        if table != names["TABLE_NAME"]:
            raise LookupError(f"table {table}")
        place = "table/StateTable" + (f"/index/{index}" if index else "")
        yield need(f"dynamodb:{action}", arn_of("dynamodb", place))
    yield from key_needs(
        "dynamodb", *(READ_KEY_ACTIONS if operation in READS else WRITE_KEY_ACTIONS)
    )


def list_table_actions(operation: str, body: Any) -> Iterator[tuple[str, str, str | None]]:
    if "TransactItems" in body:
        for item in body["TransactItems"]:
            for kind, what in item.items():
                yield TRANSACTED[kind], what["TableName"], None
    elif "RequestItems" in body:
        for table in body["RequestItems"]:
            yield operation, table, None
    else:
        yield operation, body["TableName"], body.get("IndexName")


# -------------------------------------------------------------------------------------- S3
def s3_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    host, _, path = request["place"].partition("/")
    bucket = names["BUCKET_NAME"]
    key = path if host.startswith(f"{bucket}.") else path.removeprefix(bucket).removeprefix("/")
    if not host.startswith(f"{bucket}.") and not path.startswith(bucket):
        raise LookupError(f"bucket of {request['place']}")
    lake = arn_of("s3", "DataLake")
    place = f"{lake}/{key.partition('/')[0]}/any"
    is_version = "versionId" in request["query"]
    if operation in LISTS:
        prefix = f"{request['prefix']}/any" if request["prefix"] else ""
        yield need(LISTS[operation], lake, s3__prefix=prefix)
        return
    if operation in {"GetObject", "HeadObject"}:
        yield need("s3:GetObjectVersion" if is_version else "s3:GetObject", place)
        if not request["is_presigned"]:
            yield from missing_object_needs(lake, is_version)
    elif operation in OBJECT_ACTIONS:
        yield need(OBJECT_ACTIONS[operation], place)
    else:
        raise LookupError(f"s3 {operation}")
    yield from key_needs("s3", *OBJECT_KEY_ACTIONS[operation])


def missing_object_needs(lake: str, is_version: bool) -> Iterator[Need]:
    # Without the list, S3 answers 403 where there is nothing; the list is not asked for a prefix.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    yield need("s3:ListBucket", lake)
    if is_version:
        yield need("s3:ListBucketVersions", lake)


LISTS = {
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
}
OBJECT_ACTIONS = {
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListParts": "s3:ListMultipartUploadParts",
}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
OBJECT_KEY_ACTIONS: dict[str, tuple[str, ...]] = {
    "GetObject": ("Decrypt",),
    # AWS says so for a checksum only, and nowhere that it does without.
    "HeadObject": ("Decrypt",),
    "PutObject": ("GenerateDataKey",),
    "CreateMultipartUpload": ("Decrypt", "GenerateDataKey"),
    "UploadPart": ("Decrypt", "GenerateDataKey"),
    "CompleteMultipartUpload": ("Decrypt", "GenerateDataKey"),
    "AbortMultipartUpload": (),
    "ListParts": ("Decrypt",),
}


# ------------------------------------------------------------------------------ the others
def sqs_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    kinds = {"": "EventQueue", "SIMULATION_": "SimulationQueue", "CHANGE_": "ChangeQueue"}
    queues = {names[f"{kind}QUEUE_URL"]: name for kind, name in kinds.items()}
    action = re.sub("Batch$", "", operation)
    yield need(f"sqs:{action}", arn_of("sqs", queues[request["body"]["QueueUrl"]]))


def events_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    for entry in request["body"]["Entries"]:
        if entry["EventBusName"] != names["EVENT_BUS_NAME"]:
            raise LookupError(f"bus {entry['EventBusName']}")
        yield need(f"events:{operation}", arn_of("events", "event-bus/ScanHubEventBus"))


SECRETS = {
    "AIRFLOW_SECRET_ARN": arn_of("secretsmanager", "secret:airflow-AbCdEf"),
    "SERVICE_ACCOUNT_SECRET_ARN": arn_of("secretsmanager", "secret:scanhub-AbCdEf"),
    "PATIENT_PSEUDONYM_SECRET_ARN": arn_of("secretsmanager", "secret:PatientPseudonymSecret"),
}


def secretsmanager_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    asked = request["body"]["SecretId"]
    [secret] = [SECRETS[name] for name in SECRETS if names.get(name) == asked]
    yield need(f"secretsmanager:{operation}", secret)


def mwaa_needs(operation: str, request: Any, names: dict[str, str]) -> Iterator[Need]:
    # The role is Airflow's own, which MWAA takes from the policy:
    # https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
    yield need(
        f"airflow:{operation}", arn_of("airflow", f"role/{names['MWAA_ENVIRONMENT_NAME']}/User")
    )


SERVICES = {
    "dynamodb": dynamodb_needs,
    "s3": s3_needs,
    "sqs": sqs_needs,
    "eventbridge": events_needs,
    "secrets-manager": secretsmanager_needs,
    "mwaa": mwaa_needs,
}
