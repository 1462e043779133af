"""The preflight as a whole: every line, whatever fails; and what a deployment is said to cost."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from benchmarks.cost import Estimate
from benchmarks.cost_data import load_counts, load_prices, load_profile
from scanhub_workflow import Check, Outcome
from scanhub_workflow.doctor.checks import ok
from tests.fakes.aws_account import FakeAws
from tools import deploy as deploying
from tools import preflight
from tools.checks.services import PREFIXES
from tools.environment import Environment
from tools.idle_cost import estimate_idle_usd
from tools.preflight import describe, format_line, is_ready, list_looks, look, read_target
from tools.side_by_side import run
from tools.template import Template

STACK = "stack-dev"
NO_STACK = ("ValidationError", f"Stack with id {STACK} does not exist")
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:scanhub-AbC123"
GOOD = {
    "ServiceAccountSecretArn": ARN,
    "SimulateRuns": "true",
    "UserLoginManagerUri": "http://127.0.0.1:9",
    "ExamManagerUri": "http://127.0.0.1:9",
    "PatientManagerUri": "http://127.0.0.1:9",
    "SequenceManagerUri": "http://127.0.0.1:9",
    "DeviceManagerUri": "http://127.0.0.1:9",
}


@pytest.fixture
def aws() -> FakeAws:
    aws = FakeAws()
    aws.refuse("cloudformation", "describe_stacks", *NO_STACK)
    return aws


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.read()


def make(aws: FakeAws, template: Template, **overrides: str) -> preflight.Target:
    return read_target(Environment("dev", STACK, overrides), template, aws)


@pytest.mark.parametrize(
    ("value", "found"),
    [('{"medcal":[]}', 'no role "medcal"'), ('{"medical":[],"medical":["*"]}', "a role twice")],
)
def test_role_permissions_that_cannot_be_used_are_named_before_a_deployment(
    aws: FakeAws, template: Template, value: str, found: str
) -> None:
    [check] = preflight.check_parameters(make(aws, template, **GOOD, RolePermissions=value))

    assert check.outcome is Outcome.FAILED
    assert check.name == "parameter RolePermissions"
    assert found in check.detail


def test_checks_neither_wait_for_each_other_nor_hide_each_other() -> None:
    # Given one that hangs, one that AWS refuses, one without credentials, one that breaks
    release = threading.Event()

    def hang() -> Iterator[Check]:
        release.wait()
        yield ok("hangs", "")

    def raise_error(error: Exception) -> Any:
        def fail() -> Iterator[Check]:
            raise error

        return fail

    message = "User: x is not authorized to perform: servicequotas:GetServiceQuota on resource: y"
    denied = {"Error": {"Code": "AccessDeniedException", "Message": message}}
    looks = {
        "hangs": hang,
        "denied": raise_error(ClientError(denied, "GetServiceQuota")),
        "nobody": raise_error(NoCredentialsError()),
        "breaks": raise_error(KeyError("a-secret-password")),
        "well": lambda: [ok("well", "yes")],
    }

    # When all are looked at, then each has its line, in order
    found = list(run(looks, deadline_s=0.3))
    release.set()
    assert [check.name for check in found] == list(looks)
    assert [check.outcome for check in found] == [
        *[Outcome.SKIPPED] * 3,
        Outcome.FAILED,
        Outcome.OK,
    ]
    assert "no answer within 0.3 s" in found[0].detail
    assert found[1].detail == (
        "Could not be checked: you may not do servicequotas:GetServiceQuota."
    )
    assert "a-secret-password" not in repr(found)


def test_caller_who_may_see_nothing_hears_so_and_may_go_on(
    aws: FakeAws, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a role that may do nothing but deploy, and services that answer
    monkeypatch.setattr(preflight, "check_service", lambda name, values: [ok(name, "ready")])
    checks = look(make(aws, template, **GOOD), aws)
    assert {each.name for each in checks if each.outcome is Outcome.SKIPPED} == {
        "names",
        "IAM roles",
        "API Gateway's log role",
        "ServiceAccountSecretArn",
        "Lambda's concurrency",
    }
    assert is_ready(checks)


def test_every_fault_is_a_line_of_its_own(
    aws: FakeAws, template: Template, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given an environment with the samples of samconfig.toml, and a secret that is not there
    aws.refuse("secretsmanager", "describe_secret", "ResourceNotFoundException")
    overrides = GOOD | {"ExamManagerUri": "https://dev.scanhub.example.org"}
    del overrides["DeviceManagerUri"]
    checks = look(make(aws, template, **overrides), aws)

    failed = [check.name for check in checks if check.outcome is Outcome.FAILED]
    assert failed == [
        "parameter ExamManagerUri",
        "parameter DeviceManagerUri",
        "ServiceAccountSecretArn",
        "UserLoginManagerUri",
        "PatientManagerUri",
        "SequenceManagerUri",
    ]
    assert not is_ready(checks)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [format_line(check) for check in checks]


def test_a_mistyped_generation_of_scanhub_is_the_one_fault(
    aws: FakeAws, template: Template
) -> None:
    looks = list_looks(make(aws, template, **GOOD | {"ScanHubContract": "2026"}), aws)
    [fault] = [check for check in looks["parameters"]() if check.outcome is Outcome.FAILED]
    assert fault.name == "parameter ScanHubContract"
    assert looks.keys().isdisjoint(PREFIXES)


def test_what_is_there_already_is_not_looked_at_as_new(aws: FakeAws, template: Template) -> None:
    parameters = [{"ParameterKey": "WebOrigin", "ParameterValue": "https://a.clinic"}]
    described = {
        "StackName": STACK,
        "StackStatus": "UPDATE_COMPLETE",
        "CreationTime": datetime.now(UTC),
        "Parameters": parameters,
    }
    aws.say("cloudformation", "describe_stacks", {"Stacks": [described]})
    target = make(aws, template, **GOOD)
    assert not target.is_new
    assert target.values["WebOrigin"] == "https://a.clinic"
    assert "names" not in list_looks(target, aws)
    assert describe(target).startswith("Will update: 37 Serverless::Function")


def test_stack_that_may_not_be_seen_is_told(aws: FakeAws, template: Template) -> None:
    aws.deny("cloudformation", "describe_stacks")
    target = make(aws, template, **GOOD)
    [check] = run({"stack": list_looks(target, aws)["stack"]})
    assert check.outcome is Outcome.SKIPPED
    assert "cloudformation:DescribeStacks" in check.detail


def test_idle_cost_is_that_of_the_documentation(template: Template) -> None:
    estimate = Estimate(load_prices(), load_profile(), load_counts())
    with_airflow = template.fill_in(GOOD | {"AirflowSecretArn": ARN}, {})
    assert estimate_idle_usd(with_airflow) == pytest.approx(estimate.ours(0))

    # Less by what the account has already
    own_key = with_airflow | {"KmsKeyArn": "arn:aws:kms:x:1:key/k", "AirflowSecretArn": ""}
    saved = sum(estimate.ours(0).values()) - sum(estimate_idle_usd(own_key).values())
    prices = load_prices().prices
    assert saved == pytest.approx(prices["keys"].cost(1) + prices["secrets"].cost(1))


@pytest.mark.parametrize("snap_start", ["Operators", "PublishedVersions"])
def test_snapshots_are_no_surprise(template: Template, snap_start: str) -> None:
    values = template.fill_in(GOOD | {"SnapStart": snap_start}, {})
    assert next(iter(estimate_idle_usd(values))) == "Snapshots of one version"


# --- the whole command


class Sam:
    """What would be built and deployed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, aws: FakeAws, checks: list[Check]) -> None:
        self.n_deployed = self.n_examined = 0
        monkeypatch.setattr(deploying, "Aws", lambda region, profile: aws)
        monkeypatch.setattr(deploying, "look", lambda target, aws: checks)
        monkeypatch.setattr(deploying, "deploy", self._deploy)
        monkeypatch.setattr(deploying, "find_deployed", lambda environment, aws: "url")
        monkeypatch.setattr(deploying, "examine", self._examine)

    def _deploy(self, environment: Environment, values: dict[str, str]) -> None:
        self.n_deployed += 1

    def _examine(self, deployment: Any) -> int:
        self.n_examined += 1
        return 0


WELL, ILL = [ok("a", "b")], [Check("a", Outcome.FAILED, "b", "c")]


@pytest.mark.parametrize(
    ("checks", "options", "status", "n_deployed"),
    [
        (WELL, [], 0, 1),
        (WELL, ["--dry-run"], 0, 0),
        (ILL, [], 3, 0),
        (ILL, ["--dry-run"], 3, 0),
        (ILL, ["--anyway"], 0, 1),
        (ILL, ["--anyway", "--dry-run"], 0, 0),
    ],
)
def test_nothing_is_deployed_against_advice_or_in_a_dry_run(
    monkeypatch: pytest.MonkeyPatch,
    aws: FakeAws,
    checks: list[Check],
    options: list[str],
    status: int,
    n_deployed: int,
) -> None:
    message = "Stack with id scanhub-workflow-manager-dev does not exist"
    aws.refuse("cloudformation", "describe_stacks", "ValidationError", message)
    sam = Sam(monkeypatch, aws, checks)
    assert deploying.main(["dev", *options]) == status
    # And whatever is deployed is examined
    assert sam.n_deployed == sam.n_examined == n_deployed


def test_unknown_environment_deploys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert deploying.main([""]) == 1
    assert "TO=name" in capsys.readouterr().err
