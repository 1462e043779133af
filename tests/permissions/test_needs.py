"""The rules by which a call becomes rights, and the evaluator that compares them."""

from typing import Any

import pytest

from tests.permissions.check import is_allowed
from tests.permissions.mutations import list_mutations
from tests.permissions.needs import Need, arn_of, needs_of
from tests.permissions.recorded import logical_id
from tests.permissions.roles import Resolver

NAMES = {
    "TABLE_NAME": "state",
    "BUCKET_NAME": "lake",
    "QUEUE_URL": "http://sqs/events",
    "SIMULATION_QUEUE_URL": "http://sqs/simulation",
    "CHANGE_QUEUE_URL": "http://sqs/changes.fifo",
    "EVENT_BUS_NAME": "bus",
    "AIRFLOW_SECRET_ARN": "arn:airflow",
    "SERVICE_ACCOUNT_SECRET_ARN": "arn:scanhub",
    "MWAA_ENVIRONMENT_NAME": "scanhub",
}
TABLE = arn_of("dynamodb", "table/StateTable")
LAKE = arn_of("s3", "DataLake")
KEY = arn_of("kms", "key/DataKey")
READ = {("kms:Decrypt", KEY)}
WRITE = {(f"kms:{each}", KEY) for each in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")}


def ask(service: str, operation: str, **request: Any) -> set[tuple[str, str]]:
    seen = {
        "place": "",
        "is_presigned": False,
        "query": [],
        "prefix": "",
        "body": {},
    }
    call = {"service": service, "operation": operation, "names": NAMES, "request": seen | request}
    return {(need.action, need.resource) for need in needs_of(call)}


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("GetItem", {"TableName": "state"}, {("dynamodb:GetItem", TABLE)} | READ),
        ("BatchGetItem", {"RequestItems": ["state"]}, {("dynamodb:BatchGetItem", TABLE)} | READ),
        ("Query", {"TableName": "state"}, {("dynamodb:Query", TABLE)} | READ),
        # A query of an index is a right on the index, not on its table.
        (
            "Query",
            {"TableName": "state", "IndexName": "due-index"},
            {("dynamodb:Query", f"{TABLE}/index/due-index")} | READ,
        ),
        # A transaction has no right of its own: it needs those of its items.
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "state"}},
                    {"Delete": {"TableName": "state"}},
                ]
            },
            {("dynamodb:PutItem", TABLE), ("dynamodb:DeleteItem", TABLE)} | WRITE,
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"ConditionCheck": {"TableName": "state"}}]},
            {("dynamodb:ConditionCheckItem", TABLE)} | WRITE,
        ),
        (
            "BatchWriteItem",
            {"RequestItems": ["state"]},
            {("dynamodb:BatchWriteItem", TABLE)} | WRITE,
        ),
    ],
)
def test_table_calls_need(operation: str, body: Any, expected: set[tuple[str, str]]) -> None:
    assert ask("dynamodb", operation, body=body) == expected


LIST = ("s3:ListBucket", LAKE)
DECRYPT, GENERATE = ("kms:Decrypt", KEY), ("kms:GenerateDataKey", KEY)
UPLOAD = f"{LAKE}/upload/any"


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        # Without the list, an object that is not there is 403 and not 404.
        ("HeadObject", {}, {("s3:GetObject", UPLOAD), LIST, DECRYPT}),
        ("GetObject", {}, {("s3:GetObject", UPLOAD), LIST, DECRYPT}),
        (
            "GetObject",
            {"query": ["versionId"]},
            {("s3:GetObjectVersion", UPLOAD), LIST, ("s3:ListBucketVersions", LAKE), DECRYPT},
        ),
        # Who has the URL asks for what is there.
        ("GetObject", {"is_presigned": True}, {("s3:GetObject", UPLOAD), DECRYPT}),
        ("PutObject", {}, {("s3:PutObject", UPLOAD), GENERATE}),
        ("UploadPart", {"is_presigned": True}, {("s3:PutObject", UPLOAD), DECRYPT, GENERATE}),
        ("CompleteMultipartUpload", {}, {("s3:PutObject", UPLOAD), DECRYPT, GENERATE}),
        ("AbortMultipartUpload", {}, {("s3:AbortMultipartUpload", UPLOAD)}),
        ("ListParts", {}, {("s3:ListMultipartUploadParts", UPLOAD), DECRYPT}),
        ("ListObjectsV2", {"prefix": "result"}, {LIST}),
    ],
)
@pytest.mark.parametrize("place", ["lake.s3.test/upload/dag", "127.0.0.1:1/lake/upload"])
def test_object_calls_need(
    operation: str, request_: Any, expected: set[tuple[str, str]], place: str
) -> None:
    assert ask("s3", operation, place=place, **request_) == expected


@pytest.mark.parametrize(
    ("service", "operation", "body", "expected"),
    [
        (
            "sqs",
            "SendMessage",
            {"QueueUrl": "http://sqs/events"},
            ("sqs:SendMessage", arn_of("sqs", "EventQueue")),
        ),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://sqs/simulation"},
            ("sqs:SendMessage", arn_of("sqs", "SimulationQueue")),
        ),
        (
            "eventbridge",
            "PutEvents",
            {"Entries": [{"EventBusName": "bus"}]},
            ("events:PutEvents", arn_of("events", "event-bus/ScanHubEventBus")),
        ),
        (
            "secrets-manager",
            "GetSecretValue",
            {"SecretId": "arn:scanhub"},
            ("secretsmanager:GetSecretValue", arn_of("secretsmanager", "secret:scanhub-AbCdEf")),
        ),
        (
            "mwaa",
            "InvokeRestApi",
            {},
            ("airflow:InvokeRestApi", arn_of("airflow", "role/scanhub/User")),
        ),
    ],
)
def test_other_calls_need(
    service: str, operation: str, body: Any, expected: tuple[str, str]
) -> None:
    assert ask(service, operation, body=body) == {expected}


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("dynamodb", "DeleteTable", {"body": {"TableName": "state"}}),
        ("dynamodb", "GetItem", {"body": {"TableName": "another"}}),
        ("s3", "PutObjectAcl", {"place": "lake.s3.test/upload/dag"}),
        ("s3", "GetObject", {"place": "another.s3.test/upload/dag"}),
        ("sqs", "SendMessage", {"body": {"QueueUrl": "http://sqs/another"}}),
        ("sts", "AssumeRole", {}),
    ],
)
def test_call_without_a_rule_fails(service: str, operation: str, request_: Any) -> None:
    with pytest.raises(LookupError):
        ask(service, operation, **request_)


ALLOW = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [LAKE]}
ONLY_RESULTS = ALLOW | {"Condition": {"StringLike": {"s3:prefix": "result/*"}}}
DENY = ALLOW | {"Effect": "Deny"}
RESULTS = Need("s3:ListBucket", LAKE, frozenset({("s3:prefix", "result/any")}))
EVERYTHING = Need("s3:ListBucket", LAKE)


@pytest.mark.parametrize(
    ("need", "role", "boundary", "expected"),
    [
        (EVERYTHING, [ALLOW], [ALLOW], True),
        (EVERYTHING, [], [ALLOW], False),
        (EVERYTHING, [ALLOW], [], False),
        (EVERYTHING, [ALLOW, DENY], [ALLOW], False),
        (EVERYTHING, [ALLOW], [ALLOW, DENY], False),
        (RESULTS, [ONLY_RESULTS], [ALLOW], True),
        (RESULTS, [ALLOW], [ONLY_RESULTS], True),
        # A key that the request lacks meets no condition.
        (EVERYTHING, [ONLY_RESULTS], [ALLOW], False),
        (EVERYTHING, [ALLOW | {"Action": ["s3:List*"]}], [ALLOW], True),
        (EVERYTHING, [ALLOW | {"Resource": [f"{LAKE}/*"]}], [ALLOW], False),
        (EVERYTHING, [ALLOW | {"Action": ["s3:listbucket"]}], [ALLOW], True),
        (EVERYTHING, [ALLOW | {"Resource": [LAKE.lower()]}], [ALLOW], False),
        (EVERYTHING, [ALLOW | {"Condition": {"Null": {"s3:prefix": "true"}}}], [ALLOW], True),
        (RESULTS, [ALLOW | {"Condition": {"Null": {"s3:prefix": "true"}}}], [ALLOW], False),
    ],
)
def test_role_and_boundary_are_evaluated_as_iam_does(
    need: Need, role: Any, boundary: Any, expected: bool
) -> None:
    assert is_allowed(need, role, boundary) is expected


def test_mutations_take_each_right_and_alter_each_condition() -> None:
    statement = ONLY_RESULTS | {
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": [LAKE, UPLOAD],
    }

    found = [mutation.what for mutation in list_mutations("policy", [statement])]

    assert len(found) == 2 * 2 + 2
    assert len(set(found)) == len(found)


def test_intrinsics_become_what_cloudformation_makes_of_them() -> None:
    template = {
        "Parameters": {"Name": {"Default": ""}},
        "Conditions": {"IsNamed": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Name"}, ""]}]}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    }
    resolver = Resolver(template, {})
    queue = {"Fn::GetAtt": ["Queue", "Arn"]}

    assert resolver.resolve([{"Fn::If": ["IsNamed", "a", {"Ref": "AWS::NoValue"}]}, queue]) == [
        arn_of("sqs", "Queue")
    ]
    assert resolver.resolve({"Fn::Sub": "${Queue.Arn}/${AWS::Region}"}).endswith(
        "Queue/eu-central-1"
    )
    # A reference is a name, and no policy is about names.
    assert resolver.resolve({"Ref": "Queue"}) == "Queue"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("process_workflow", "ProcessWorkflowFunction"),
        ("scanhub-workflow-manager-HelloFunction-90CF56F94E480", "HelloFunction"),
        ("a-b-ListRejectedObjectsFunctio223024D767CF6", "ListRejectedObjectsFunction"),
        ("a-b-SimulateReconstructionFuncF07156901A016", "SimulateReconstructionFunction"),
        ("a-b-ListAvailableTasksFunction9816E395D3E91", "ListAvailableTasksFunction"),
    ],
)
def test_function_is_known_by_its_folder_and_by_its_deployed_name(name: str, expected: str) -> None:
    assert logical_id(name) == expected
