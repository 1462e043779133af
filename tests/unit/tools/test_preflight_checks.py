"""Each check beside the answers that AWS, Airflow and ScanHub really give."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from scanhub_workflow import Check, Outcome
from tests.fakes.aws_account import ACCOUNT, REGION, FakeAws
from tools.checks.account import check_credentials, check_log_role, check_region, name_caller
from tools.checks.airflow import check_airflow
from tools.checks.quotas import check_concurrency, check_roles
from tools.checks.secrets import check_key, check_pseudonym_key, check_secret
from tools.checks.services import PREFIXES, check_service
from tools.checks.stack import check_names, check_stack, check_subnets, find_stack

OK, WARNING, FAILED, SKIPPED = Outcome.OK, Outcome.WARNING, Outcome.FAILED, Outcome.SKIPPED
ARN = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:scanhub-AbC123"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234"
PASSWORD = "a-secret-password"
STACK = "scanhub-workflow-manager-staging"


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


def one(checks: Any) -> Check:
    [check] = checks
    assert bool(check.advice) == (check.outcome in {WARNING, FAILED})
    return check


# --- account


def test_caller_is_named(aws: FakeAws) -> None:
    check = one(check_credentials(aws))
    assert (check.outcome, check.detail) == (OK, f"account {ACCOUNT}, role Deployer")


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/people/ann", "user people/ann"),
        (f"arn:aws:iam::{ACCOUNT}:root", "the root user"),
        (f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_x/a@b", "role AWSReservedSSO_x"),
    ],
)
def test_caller_is_named_as_people_do(arn: str, name: str) -> None:
    assert name_caller(arn) == name


@pytest.mark.parametrize(
    "code",
    ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredTokenException"],
)
def test_credentials_that_aws_does_not_take_are_told(aws: FakeAws, code: str) -> None:
    aws.refuse("sts", "get_caller_identity", code, "The security token is not valid")
    check = one(check_credentials(aws))
    assert check.outcome is FAILED
    assert "does not take these credentials" in check.detail
    assert "aws sso login" in str(check.advice)


@pytest.mark.parametrize(
    ("region", "other", "outcome", "word"),
    [
        (REGION, None, OK, REGION),
        (REGION, REGION, OK, REGION),
        (REGION, "us-east-1", WARNING, "AWS_REGION says us-east-1"),
        ("eu-cental-1", None, WARNING, "no region that is known"),
        (None, None, FAILED, "AWS_DEFAULT_REGION"),
        (None, "us-east-1", FAILED, "AWS_REGION is read by neither"),
    ],
)
def test_region_is_the_one_that_sam_takes(
    monkeypatch: pytest.MonkeyPatch,
    region: str | None,
    other: str | None,
    outcome: Outcome,
    word: str,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("AWS_REGION", raising=False)
    if other:
        monkeypatch.setenv("AWS_REGION", other)
    check = one(check_region(FakeAws(region)))
    assert check.outcome is outcome
    assert word in f"{check.detail} {check.advice}"


ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/api-gateway-logs"


def test_log_role_is_there(aws: FakeAws) -> None:
    role = {"Path": "/", "RoleName": "api-gateway-logs", "RoleId": "A" * 16, "Arn": ROLE}
    aws.say("apigateway", "get_account", {"cloudwatchRoleArn": ROLE})
    aws.say("iam", "get_role", {"Role": role | {"CreateDate": datetime.now(UTC)}})
    assert one(check_log_role(aws)).outcome is OK


def test_log_role_is_missing(aws: FakeAws) -> None:
    aws.say("apigateway", "get_account", {})
    assert one(check_log_role(aws)).outcome is FAILED


def test_log_role_was_deleted(aws: FakeAws) -> None:
    aws.say("apigateway", "get_account", {"cloudwatchRoleArn": ROLE})
    aws.refuse("iam", "get_role", "NoSuchEntity", "The role cannot be found.")
    assert "does not exist any more" in one(check_log_role(aws)).detail


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException"])
def test_log_role_that_may_not_be_seen_is_no_fault(aws: FakeAws, code: str) -> None:
    aws.say("apigateway", "get_account", {"cloudwatchRoleArn": ROLE})
    aws.refuse("iam", "get_role", code)
    check = one(check_log_role(aws))
    assert check.outcome is SKIPPED
    assert "could not be checked: you may not do GetRole" in check.detail


# --- secrets


def give_secret(aws: FakeAws, value: Any, **described: Any) -> None:
    aws.say("secretsmanager", "describe_secret", {"ARN": ARN, "Name": "scanhub"} | described)
    text = value if isinstance(value, str) else json.dumps(value)
    aws.say("secretsmanager", "get_secret_value", {"ARN": ARN, "SecretString": text})


def test_secret_holds_what_functions_need(aws: FakeAws) -> None:
    give_secret(aws, {"username": "a", "password": PASSWORD, "more": 1})
    check = one(check_secret(aws, "ServiceAccountSecretArn", ARN))
    assert (check.name, check.outcome) == ("ServiceAccountSecretArn", OK)
    assert PASSWORD not in repr(check)


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"username": "a"}, "no password"),
        ({"user": "a", "pass": PASSWORD}, "no username and no password"),
        ({"username": "", "password": PASSWORD}, "no username"),
        ({"username": ["a"], "password": PASSWORD}, "no username"),
        (PASSWORD, "no JSON"),
        (f"username=a password={PASSWORD}", "no JSON"),
        (f'"{PASSWORD}"', "no username"),
        (f'["{PASSWORD}"]', "no username"),
    ],
)
def test_secret_without_its_keys_is_told_without_its_value(
    aws: FakeAws, value: Any, detail: str
) -> None:
    give_secret(aws, value)
    check = one(check_secret(aws, "AirflowSecretArn", ARN))
    assert check.outcome is FAILED
    assert detail in check.detail
    assert PASSWORD not in repr(check)


def test_secret_of_bytes_is_no_json(aws: FakeAws) -> None:
    give_secret(aws, {})
    aws.say("secretsmanager", "get_secret_value", {"SecretBinary": PASSWORD.encode()})
    assert "no JSON" in one(check_secret(aws, "AirflowSecretArn", ARN)).detail


def test_key_of_the_pseudonyms_is_there(aws: FakeAws) -> None:
    give_secret(aws, "k" * 32)
    assert one(check_pseudonym_key(aws, ARN)).outcome is OK


@pytest.mark.parametrize(
    ("value", "described"), [("too short", {}), ("k" * 32, {"DeletedDate": datetime.now(UTC)})]
)
def test_key_of_the_pseudonyms_that_functions_cannot_use_is_told(
    aws: FakeAws, value: str, described: dict[str, Any]
) -> None:
    give_secret(aws, value, **described)
    check = one(check_pseudonym_key(aws, ARN))
    assert check.outcome is FAILED
    assert value not in repr(check)


def test_key_of_the_pseudonyms_is_gone(aws: FakeAws) -> None:
    aws.refuse("secretsmanager", "describe_secret", "ResourceNotFoundException")
    assert "is gone" in one(check_pseudonym_key(aws, ARN)).detail


OWN_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/own"
REPLICA = {"Region": REGION, "Status": "Failed", "StatusMessage": "KMS"}


@pytest.mark.parametrize(
    ("described", "detail", "advice"),
    [
        (
            {"DeletedDate": datetime(2026, 11, 1, tzinfo=UTC)},
            "marked for deletion",
            "restore-secret",
        ),
        ({"ARN": f"{ARN}-AbCdEf"}, "not whole", f"{ARN}-AbCdEf"),
        ({"KmsKeyId": OWN_KEY}, "functions may not use", "alias/aws/secretsmanager"),
        ({"ReplicationStatus": [REPLICA]}, "replica here is Failed", "replication"),
    ],
)
def test_secret_in_a_wrong_state_is_told(
    aws: FakeAws, described: dict[str, Any], detail: str, advice: str
) -> None:
    give_secret(aws, {"username": "a", "password": PASSWORD}, **described)
    aws.say("kms", "describe_key", {"KeyMetadata": {"KeyId": "own", "KeyManager": "CUSTOMER"}})
    check = one(check_secret(aws, "AirflowSecretArn", ARN))
    assert check.outcome is FAILED
    assert detail in check.detail
    assert advice in str(check.advice)


@pytest.mark.parametrize("key", ["alias/aws/secretsmanager", OWN_KEY])
def test_secrets_managers_own_key_is_well_however_it_is_named(aws: FakeAws, key: str) -> None:
    give_secret(aws, {"username": "a", "password": PASSWORD}, KmsKeyId=key)
    aws.say("kms", "describe_key", {"KeyMetadata": {"KeyId": "k", "KeyManager": "AWS"}})
    assert one(check_secret(aws, "AirflowSecretArn", ARN)).outcome is OK


@pytest.mark.parametrize(
    ("operation", "code", "message", "outcome", "detail"),
    [
        (
            "describe_secret",
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            FAILED,
            "does not exist",
        ),
        (
            "get_secret_value",
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
            FAILED,
            "no value",
        ),
        (
            "get_secret_value",
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
            FAILED,
            "changed or deleted",
        ),
        (
            "get_secret_value",
            "AccessDeniedException",
            "Access to KMS is not allowed",
            SKIPPED,
            "could not be checked",
        ),
    ],
)
def test_what_secrets_manager_refuses_is_told_apart(
    aws: FakeAws, operation: str, code: str, message: str, outcome: Outcome, detail: str
) -> None:
    give_secret(aws, {"username": "a", "password": PASSWORD})
    aws.refuse("secretsmanager", operation, code, message)
    check = one(check_secret(aws, "AirflowSecretArn", ARN))
    assert check.outcome is outcome
    assert detail in check.detail


@pytest.mark.parametrize(
    ("arn", "detail"),
    [
        (f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-AbC123", "in us-east-1"),
        (f"arn:aws:secretsmanager:{REGION}:210987654321:secret:s-AbC123", "account 210987654321"),
    ],
)
def test_secret_of_elsewhere_is_refused(aws: FakeAws, arn: str, detail: str) -> None:
    check = one(check_secret(aws, "AirflowSecretArn", arn))
    assert check.outcome is FAILED
    assert detail in check.detail


@pytest.mark.parametrize(
    ("key", "outcome", "word"),
    [
        ({"KeyState": "Enabled", "KeySpec": "SYMMETRIC_DEFAULT"}, OK, "enabled"),
        ({"KeyState": "PendingDeletion"}, FAILED, "PendingDeletion"),
        ({"KeyState": "Disabled"}, FAILED, "Enable it"),
        ({"KeyState": "Enabled", "KeySpec": "RSA_2048"}, FAILED, "symmetric"),
    ],
)
def test_own_key_can_encrypt(
    aws: FakeAws, key: dict[str, str], outcome: Outcome, word: str
) -> None:
    aws.say("kms", "describe_key", {"KeyMetadata": {"KeyId": "1234"} | key})
    check = one(check_key(aws, KEY))
    assert check.outcome is outcome
    assert word in f"{check.detail} {check.advice}"


def test_own_key_that_is_not_there(aws: FakeAws) -> None:
    aws.refuse("kms", "describe_key", "NotFoundException", f"Key '{KEY}' does not exist")
    assert one(check_key(aws, KEY)).outcome is FAILED
    assert "us-east-1" in one(check_key(aws, KEY.replace(REGION, "us-east-1"))).detail


# --- Airflow

HEALTHY = {"metadatabase": {"status": "healthy"}, "scheduler": {"status": "healthy"}}
MWAA = {"MwaaEnvironmentName": "scanhub", "AirflowApiVersion": "v2"}


def give_mwaa(aws: FakeAws, **changes: str) -> None:
    environment = {"Name": "scanhub", "Status": "AVAILABLE", "AirflowVersion": "3.0.6"} | changes
    aws.say("mwaa", "get_environment", {"Environment": environment})
    answer = {"RestApiStatusCode": 200, "RestApiResponse": HEALTHY}
    aws.say("mwaa", "invoke_rest_api", answer)


def test_mwaa_is_well(aws: FakeAws) -> None:
    give_mwaa(aws)
    assert one(check_airflow(aws, MWAA)).outcome is OK


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"Status": "UPDATING"}, "UPDATING"),
        ({"Status": "CREATE_FAILED"}, "CREATE_FAILED"),
        ({"AirflowVersion": "2.10.3"}, "AirflowApiVersion=v1"),
    ],
)
def test_mwaa_that_does_not_fit(aws: FakeAws, changes: dict[str, str], word: str) -> None:
    give_mwaa(aws, **changes)
    check = one(check_airflow(aws, MWAA))
    assert check.outcome is FAILED
    assert word in f"{check.detail} {check.advice}"


@pytest.mark.parametrize(
    ("operation", "code", "fields", "outcome", "word"),
    [
        ("get_environment", "ResourceNotFoundException", {}, FAILED, "no MWAA environment"),
        ("invoke_rest_api", "AccessDeniedException", {}, SKIPPED, "could not be checked"),
        (
            "invoke_rest_api",
            "RestApiServerException",
            {"RestApiStatusCode": 503},
            FAILED,
            "answers with 503",
        ),
    ],
)
def test_mwaa_that_refuses(
    aws: FakeAws, operation: str, code: str, fields: dict[str, Any], outcome: Outcome, word: str
) -> None:
    give_mwaa(aws)
    aws.refuse("mwaa", operation, code, **fields)
    check = one(check_airflow(aws, MWAA))
    assert check.outcome is outcome
    assert word in check.detail


def serve(**answers: Any) -> httpx.MockTransport:
    """Answer by path; all others are unknown."""

    def answer(request: httpx.Request) -> httpx.Response:
        found = answers.get(request.url.path, httpx.Response(404, json={"detail": "Not Found"}))
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, httpx.Response)
        return found

    return httpx.MockTransport(answer)


V2, V1 = "/api/v2/monitor/health", "/api/v1/health"
SICK = HEALTHY | {"scheduler": {"status": "unhealthy"}}


@pytest.mark.parametrize(
    ("version", "answers", "outcome", "word"),
    [
        ("v2", {V2: httpx.Response(200, json=HEALTHY)}, OK, "healthy"),
        ("v1", {V1: httpx.Response(200, json=HEALTHY)}, OK, "healthy"),
        ("v2", {V1: httpx.Response(200, json=HEALTHY)}, FAILED, "AirflowApiVersion=v1"),
        ("v1", {V2: httpx.Response(200, json=HEALTHY)}, FAILED, "AirflowApiVersion=v2"),
        ("v2", {V2: httpx.Response(200, json=SICK)}, FAILED, "scheduler unhealthy"),
        ("v2", {V2: httpx.Response(200, html="<html>login")}, FAILED, "health"),
        ("v2", {V2: httpx.Response(503)}, FAILED, "HTTP 503"),
        ("v2", {}, FAILED, "HTTP 404"),
        ("v2", {V2: httpx.ConnectError("refused")}, FAILED, "no connection"),
        ("v2", {V2: httpx.ReadTimeout("")}, FAILED, "no answer within"),
    ],
)
def test_airflow_by_its_url(
    aws: FakeAws, version: str, answers: dict[str, Any], outcome: Outcome, word: str
) -> None:
    values = {"AirflowUrl": "https://airflow.test", "AirflowApiVersion": version}
    check = one(check_airflow(aws, values, serve(**answers)))
    assert check.outcome is outcome
    assert word in f"{check.detail} {check.advice}"


def test_airflow_inside_a_vpc_may_be_out_of_sight(aws: FakeAws) -> None:
    values = {"AirflowUrl": "https://airflow.internal", "SubnetIds": "subnet-1"}
    transport = serve(**{V2: httpx.ConnectTimeout("")})
    assert one(check_airflow(aws, values, transport)).outcome is SKIPPED


def test_no_airflow_is_not_for_patients(aws: FakeAws) -> None:
    assert one(check_airflow(aws, {"SimulateRuns": "true"})).outcome is OK
    assert one(check_airflow(aws, {"DeletionProtection": "true"})).outcome is WARNING


# --- ScanHub's services

READY = "/api/v1/exam/health/readiness"
PROTECTED = "/api/v1/exam/workflow/00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("answers", "outcome", "word"),
    [
        ({READY: httpx.Response(200, json={"status": "ok"})}, OK, "ready"),
        ({PROTECTED: httpx.Response(401, json={"detail": "Not authenticated"})}, OK, "answers"),
        ({PROTECTED: httpx.Response(403)}, OK, "answers"),
        ({}, FAILED, "scheme, host and port"),
        ({PROTECTED: httpx.Response(502, html="<html>")}, FAILED, "web page"),
        ({PROTECTED: httpx.Response(500)}, FAILED, "HTTP 500"),
        ({PROTECTED: httpx.Response(301, headers={"Location": "/x"})}, FAILED, "elsewhere"),
        ({READY: httpx.Response(200, html="<html>the web client")}, FAILED, "scheme, host"),
        ({READY: httpx.ConnectError("no name")}, FAILED, "no connection"),
    ],
)
def test_service_answers(answers: dict[str, Any], outcome: Outcome, word: str) -> None:
    values = {"ExamManagerUri": "https://scanhub.test"}
    check = one(check_service("ExamManagerUri", values, serve(**answers)))
    assert check.outcome is outcome
    assert word in f"{check.detail} {check.advice}"


@pytest.mark.parametrize("parameter", PREFIXES)
def test_service_with_the_path_in_its_url_is_told(parameter: str) -> None:
    # Given a URL with the path that the functions append again
    prefix, _ = PREFIXES[parameter]
    ready = {f"{prefix}/health/readiness": httpx.Response(200, json={"status": "ok"})}
    good, bad = {parameter: "https://s.test"}, {parameter: f"https://s.test{prefix}"}
    assert one(check_service(parameter, good, serve(**ready))).outcome is OK
    check = one(check_service(parameter, bad, serve(**ready)))
    assert check.outcome is FAILED
    assert prefix in str(check.advice)


@pytest.mark.parametrize(
    ("contract", "outcome"), [("2025-03", FAILED), ("", FAILED), ("2026-02", OK)]
)
def test_an_exam_manager_of_another_generation_is_told_before_it_is_deployed(
    contract: str, outcome: Outcome
) -> None:
    of_today = {"BaseDAGTask": {"properties": {"input_task_ids": {}}}, "Big": "x" * 100_000}
    answers = {
        READY: httpx.Response(200, json={"status": "ok"}),
        "/api/v1/exam/openapi.json": httpx.Response(
            200, json={"components": {"schemas": of_today}}
        ),
    }
    values = {"ExamManagerUri": "https://scanhub.test", "ScanHubContract": contract}
    check = one(check_service("ExamManagerUri", values, serve(**answers)))
    assert check.outcome is outcome
    is_told = "exam-manager speaks 2026-02, deployed for 2025-03" in check.detail
    assert is_told is (outcome is FAILED)


def test_todays_scanhub_needs_no_sequence_manager() -> None:
    values = {"SequenceManagerUri": "https://s.test", "ScanHubContract": "2026-02"}
    check = one(check_service("SequenceManagerUri", values, serve()))
    assert check.outcome is SKIPPED


def test_service_inside_a_vpc_may_be_out_of_sight() -> None:
    values = {"ExamManagerUri": "https://exam.internal", "SubnetIds": "subnet-1"}
    transport = serve(**{READY: httpx.ConnectError("no name")})
    assert one(check_service("ExamManagerUri", values, transport)).outcome is SKIPPED


def test_endless_answer_is_cut() -> None:
    def drip() -> Any:
        while True:
            yield b" " * 4096

    ready = httpx.Response(200, content=drip())
    values = {"ExamManagerUri": "https://exam.test"}
    assert one(check_service("ExamManagerUri", values, serve(**{READY: ready}))).outcome is OK


# --- quotas


@pytest.mark.parametrize(("n_free", "outcome"), [(10, WARNING), (49, WARNING), (1000, OK)])
def test_new_account_has_too_little_concurrency(
    aws: FakeAws, n_free: int, outcome: Outcome
) -> None:
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": n_free}
    aws.say("lambda", "get_account_settings", {"AccountLimit": limit})
    check = one(check_concurrency(aws))
    assert check.outcome is outcome
    assert str(n_free) in check.detail


@pytest.mark.parametrize(("n_roles", "outcome"), [(900, OK), (970, OK), (971, FAILED)])
def test_there_is_room_for_a_role_of_each_function(
    aws: FakeAws, n_roles: int, outcome: Outcome
) -> None:
    summary = {"Roles": n_roles, "RolesQuota": 1000}
    aws.say("iam", "get_account_summary", {"SummaryMap": summary})
    assert one(check_roles(aws, 30)).outcome is outcome


# --- stack and names


@pytest.mark.parametrize(
    ("status", "outcome", "word"),
    [
        ("CREATE_COMPLETE", OK, "updated"),
        ("UPDATE_COMPLETE", OK, "updated"),
        ("UPDATE_ROLLBACK_COMPLETE", OK, "updated"),
        ("IMPORT_COMPLETE", OK, "updated"),
        ("REVIEW_IN_PROGRESS", OK, "created"),
        ("CREATE_IN_PROGRESS", FAILED, "Wait"),
        ("UPDATE_IN_PROGRESS", FAILED, "Wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", FAILED, "Wait"),
        ("DELETE_IN_PROGRESS", FAILED, "Wait"),
        ("ROLLBACK_COMPLETE", FAILED, "make remove TO=staging"),
        ("ROLLBACK_FAILED", FAILED, "make remove TO=staging"),
        ("CREATE_FAILED", FAILED, "make remove TO=staging"),
        ("DELETE_FAILED", FAILED, "make remove TO=staging"),
        ("UPDATE_ROLLBACK_FAILED", FAILED, "continue-update-rollback"),
        ("UPDATE_FAILED", WARNING, "half-way"),
    ],
)
def test_stack_in_each_state(aws: FakeAws, status: str, outcome: Outcome, word: str) -> None:
    described = {"StackName": STACK, "StackStatus": status, "CreationTime": datetime.now(UTC)}
    aws.say("cloudformation", "describe_stacks", {"Stacks": [described]})
    check = one(check_stack(find_stack(aws, STACK), "staging", STACK))
    assert check.outcome is outcome
    assert word in f"{check.detail} {check.advice}"


def test_stack_that_is_not_there_will_be_created(aws: FakeAws) -> None:
    message = f"Stack with id {STACK} does not exist"
    aws.refuse("cloudformation", "describe_stacks", "ValidationError", message)
    assert one(check_stack(find_stack(aws, STACK), "staging", STACK)).outcome is OK


def leave_names_free(aws: FakeAws) -> None:
    message = "Event bus does not exist."
    aws.refuse("events", "describe_event_bus", "ResourceNotFoundException", message)
    # Two forms are known of CloudWatch.
    aws.refuse("cloudwatch", "get_dashboard", "ResourceNotFound", "Dashboard does not exist")
    aws.refuse("kms", "describe_key", "NotFoundException", "Alias is not found.")


def test_names_are_free(aws: FakeAws) -> None:
    leave_names_free(aws)
    assert one(check_names(aws, STACK, has_own_key=True)).outcome is OK


@pytest.mark.parametrize(
    ("service", "operation", "answer", "word"),
    [
        ("events", "describe_event_bus", {"Name": STACK}, f"event bus {STACK}"),
        ("cloudwatch", "get_dashboard", {"DashboardName": "d"}, f"{STACK}-{REGION}"),
        ("kms", "describe_key", {"KeyMetadata": {"KeyId": "k"}}, f"alias/{STACK}"),
    ],
)
def test_name_that_is_taken_is_told(
    aws: FakeAws, service: str, operation: str, answer: dict[str, Any], word: str
) -> None:
    leave_names_free(aws)
    aws.say(service, operation, answer)
    check = one(check_names(aws, STACK, has_own_key=True))
    assert check.outcome is FAILED
    assert word in check.detail


def test_name_that_may_not_be_seen_hides_no_other(aws: FakeAws) -> None:
    leave_names_free(aws)
    aws.deny("events", "describe_event_bus")
    check = one(check_names(aws, STACK, has_own_key=True))
    assert check.outcome is SKIPPED
    assert "events:DescribeEventBus" in check.detail
    aws.say("cloudwatch", "get_dashboard", {"DashboardName": "d"})
    assert one(check_names(aws, STACK, has_own_key=True)).outcome is FAILED


def test_alias_matters_only_to_a_stack_that_makes_its_key(aws: FakeAws) -> None:
    leave_names_free(aws)
    aws.say("kms", "describe_key", {"KeyMetadata": {"KeyId": "k"}})
    assert one(check_names(aws, STACK, has_own_key=False)).outcome is OK


@pytest.mark.parametrize(("vpc", "outcome"), [("vpc-1", OK), ("vpc-2", FAILED)])
def test_subnets_and_groups_are_of_one_vpc(aws: FakeAws, vpc: str, outcome: Outcome) -> None:
    aws.say("ec2", "describe_subnets", {"Subnets": [{"VpcId": "vpc-1"}]})
    aws.say("ec2", "describe_security_groups", {"SecurityGroups": [{"VpcId": vpc}]})
    assert one(check_subnets(aws, "subnet-1,subnet-2", "sg-1")).outcome is outcome


def test_subnet_that_is_not_there(aws: FakeAws) -> None:
    message = "The subnet ID 'subnet-1' does not exist"
    aws.refuse("ec2", "describe_subnets", "InvalidSubnetID.NotFound", message)
    assert one(check_subnets(aws, "subnet-1", "sg-1")).detail == message
    assert one(check_subnets(aws, "subnet-1", "")).outcome is FAILED
