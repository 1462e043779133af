"""Which parameters can be deployed, as CloudFormation will judge them."""

import pytest
from cfnlint.decode import decode

from local.config import ROOT
from tools.template import Template

ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:scanhub-AbC123"
NEIGHBOURS = ("UserLogin", "Exam", "Patient", "Sequence", "Device")
GOOD = {
    "ServiceAccountSecretArn": ARN,
    "SimulateRuns": "true",
    **{f"{name}ManagerUri": "https://scanhub.clinic" for name in NEIGHBOURS},
}


@pytest.fixture(scope="module")
def template() -> Template:
    return Template.read()


def test_all_that_is_needed_is_enough(template: Template) -> None:
    values = template.fill_in(GOOD, {})
    assert template.list_faults(values) == []
    assert template.list_broken_rules(values) == []
    assert values["AirflowApiVersion"] == "v2"


def test_every_rule_and_condition_can_be_decided(template: Template) -> None:
    # One by a function that is not known here would be passed over.
    document, _ = decode(str(ROOT / "template.yaml"))
    values = template.fill_in(GOOD, {})
    for condition in document["Conditions"]:
        assert template.has(condition, values) in {True, False}
    for rule in document["Rules"].values():
        expressions = [rule["RuleCondition"], *(each["Assert"] for each in rule["Assertions"])]
        for expression in expressions:
            assert template._evaluate(expression, values) in {"true", "false"}


@pytest.mark.parametrize("name", [name for name in GOOD if name != "SimulateRuns"])
def test_missing_parameter_is_named(template: Template, name: str) -> None:
    values = template.fill_in({key: value for key, value in GOOD.items() if key != name}, {})
    assert [fault[0] for fault in template.list_faults(values)] == [name]


def test_stack_that_is_there_keeps_what_is_not_set(template: Template) -> None:
    # As sam does: UsePreviousValue. A parameter that the template has no more is left out.
    values = template.fill_in({"AutoAdvance": "false"}, GOOD | {"Gone": "1", "AutoAdvance": "true"})
    assert template.list_faults(values) == []
    assert values["AutoAdvance"] == "false"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ServiceAccountSecretArn", ARN.replace("eu-central-1", "REGION")),
        ("ServiceAccountSecretArn", ARN.replace("AbC123", "XXXXXX")),
        ("ServiceAccountSecretArn", "scanhub"),
        ("ExamManagerUri", "https://dev.scanhub.example.org"),
        ("ExamManagerUri", "scanhub.clinic"),
        ("WebOrigin", "https://scanhub.clinic/"),
        ("SubnetIds", "subnet-aaaa,subnet-bbbb"),
        ("SecurityGroupIds", "sg-cccc"),
        ("AlarmEmail", "scanhub-operations@example.org"),
        ("AirflowApiVersion", "v3"),
        ("LogRetentionDays", "42"),
        ("DagRunTimeoutSeconds", "59"),
        ("DagRunTimeoutSeconds", "604801"),
        ("DagRunTimeoutSeconds", "an hour"),
        ("NoSuchParameter", "1"),
    ],
)
def test_value_that_does_not_fit_is_told(template: Template, name: str, value: str) -> None:
    faults = template.list_faults(template.fill_in(GOOD | {name: value}, {}))
    assert [fault[0] for fault in faults] == [name]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SimulateRuns": "false"}, "set SimulateRuns to true"),
        ({"AirflowUrl": "https://a.clinic"}, "AirflowUrl needs AirflowSecretArn"),
        (
            {"AirflowUrl": "https://a.clinic", "AirflowSecretArn": ARN, "MwaaEnvironmentName": "m"},
            "not both",
        ),
        ({"SnapStart": "PublishedVersions", "PythonRuntime": "python3.11"}, "Python 3.12"),
        ({"SnapStart": "Operators", "PythonRuntime": "python3.11"}, "Python 3.12"),
        ({"DeletionProtection": "true"}, "WebOrigin"),
    ],
)
def test_rules_are_told_in_the_templates_words(
    template: Template, changes: dict[str, str], said: str
) -> None:
    [broken] = template.list_broken_rules(template.fill_in(GOOD | changes, {}))
    assert said in broken


def test_own_key_is_not_made(template: Template) -> None:
    made = template.count_resources(template.fill_in(GOOD, {}))
    own = template.fill_in(GOOD | {"KmsKeyArn": "arn:aws:kms:x:1:key/k"}, {})
    assert (made["AWS::KMS::Key"], made["AWS::Serverless::Function"]) == (1, 37)
    assert template.count_resources(own)["AWS::KMS::Key"] == 0
