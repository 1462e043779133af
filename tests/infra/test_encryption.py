"""What is at rest is encrypted with one key, which only those use who need it, and is not lost."""

from typing import Any

import pytest

from tests.infra.conftest import select

KEY = {"Fn::If": ["HasNoKey", {"Fn::GetAtt": ["DataKey", "Arn"]}, {"Ref": "KmsKeyArn"}]}
KEPT = ("DataKey", "StateTable", "DataLake", "FunctionLogs", "ApiLogs")


def test_key_rotates_and_is_made_unless_one_is_given(resources: dict[str, Any]) -> None:
    assert resources["DataKey"]["Properties"]["EnableKeyRotation"] is True
    assert resources["DataKey"]["Condition"] == "HasNoKey"
    assert resources["DataKeyAlias"]["Condition"] == "HasNoKey"


def test_key_is_opened_to_iam_only(resources: dict[str, Any]) -> None:
    [account] = resources["DataKey"]["Properties"]["KeyPolicy"]["Statement"]
    assert account["Principal"]["AWS"]["Fn::Sub"].endswith(":${AWS::AccountId}:root")


def test_alarm_that_the_key_is_disabled_can_be_sent(resources: dict[str, Any]) -> None:
    assert "KmsMasterKeyId" not in resources["AlarmTopic"].get("Properties", {})


def test_table_and_data_lake_use_the_key(resources: dict[str, Any]) -> None:
    table = resources["StateTable"]["Properties"]["SSESpecification"]
    [rule] = resources["DataLake"]["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    default = rule["ServerSideEncryptionByDefault"]

    assert (table["SSEEnabled"], table["SSEType"]) == (True, "KMS")
    assert table["KMSMasterKeyId"] == KEY
    assert default["SSEAlgorithm"] == "aws:kms"
    assert default["KMSMasterKeyID"] == KEY
    # Else each object costs a request to KMS, which takes a limited number of them.
    assert rule["BucketKeyEnabled"] is True


def test_queues_use_the_key_of_sqs(resources: dict[str, Any]) -> None:
    # With a key of ours, S3 could not send to them.
    queues = select(resources, "AWS::SQS::Queue")
    assert len(queues) == 4
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    assert not any("KmsMasterKeyId" in queue for queue in queues.values())


@pytest.mark.parametrize(
    ("policy", "service"),
    [
        ("TableKeyRead", "dynamodb"),
        ("TableKeyWrite", "dynamodb"),
        ("DataLakeKeyRead", "s3"),
        ("DataLakeKeyWrite", "s3"),
    ],
)
def test_key_is_used_through_the_service_that_needs_it_only(
    resources: dict[str, Any], policy: str, service: str
) -> None:
    [statement] = resources[policy]["Properties"]["PolicyDocument"]["Statement"]
    via = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert via == {"Fn::Sub": f"{service}.${{AWS::Region}}.amazonaws.com"}
    assert statement["Resource"] == KEY


@pytest.mark.parametrize("name", KEPT)
def test_data_outlives_the_stack_unless_its_first_deployment_fails(
    resources: dict[str, Any], name: str
) -> None:
    assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_first_deployment_that_fails_leaves_nothing(resources: dict[str, Any]) -> None:
    left = {each["Type"] for each in resources.values() if each.get("DeletionPolicy") == "Retain"}
    # Versions go with their function.
    assert left == {"AWS::Lambda::Version"}


def test_table_can_be_protected_and_restored(template: dict[str, Any]) -> None:
    table = template["Resources"]["StateTable"]["Properties"]
    assert table["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_data_lake_forgets_old_versions_and_never_current_ones(template: dict[str, Any]) -> None:
    rules = template["Resources"]["DataLake"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules}
    old = by_id["old-versions"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": {"Ref": "OldVersionDays"}}
    assert template["Parameters"]["OldVersionDays"]["Default"] == 30
    assert not any(key.startswith("Expiration") for rule in rules for key in rule)


def test_data_lake_and_topic_are_not_open(resources: dict[str, Any]) -> None:
    [plain_http] = resources["DataLakePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [publish] = resources["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert plain_http["Effect"] == "Deny"
    assert plain_http["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Action"] == "sns:Publish"


def test_protected_data_is_not_open_to_pages_of_anybodys_computer(
    template: dict[str, Any],
) -> None:
    rule = template["Rules"]["WebOriginIsChosen"]
    default = template["Parameters"]["WebOrigin"]["Default"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "DeletionProtection"}, "true"]}
    [assertion] = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "WebOrigin"}, default]}]}
