"""What a deployment may be given, and what is refused before anything is made of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.infra.conftest import SECRETS as PREFIX
from tests.unit.functions.test_access import MALFORMED
from workflow_manager.domain.access import OPERATIONS, ROLES, parse_role_permissions
from workflow_manager.domain.data_lake import check_dag_id
from workflow_manager.settings import Settings

SAMPLES = re.findall(
    r'^\s*#?\s*"(\w+)=([^"]*)"', (Path(__file__).parents[2] / "samconfig.toml").read_text(), re.M
)
SERVICES = tuple(
    f"{name}ManagerUri" for name in ("UserLogin", "Exam", "Patient", "Sequence", "Device")
)
SECRETS = ("ServiceAccountSecretArn", "AirflowSecretArn")
ROLE_PERMISSIONS = [
    "{}",
    '{"medical":[]}',
    '{"medical":["hello"]}',
    '{ "admin": ["*"], "scientist": [ "hello", "get_workflow" ], "*": [] }',
    '{"scientist":["hello","get_workflow"],"*":["*"]}',
]
HOSTS = [
    "https://scanhub.example.org",
    "https://scanhub.example.org:8443",
    "http://exam-manager:8000",
    "http://exam_manager:8000",
    "http://10.0.0.7:8080",
    "http://[fd00::7]:8080",
]
NO_HOSTS = [
    "scanhub.example.org",
    "ftp://scanhub.example.org",
    "https://",
    "https://scanhub.example.org/",
    "https://scanhub.example.org?a=b",
    "https://scanhub.example.org#a",
    "https://user:word@scanhub.example.org",
    "https://scanhub.example.org:port",
    "https://scan hub.example.org",
]


def is_accepted(template: dict[str, Any], name: str, value: str) -> bool:
    # CloudFormation compares the whole value.
    return bool(re.fullmatch(template["Parameters"][name]["AllowedPattern"], value))


@pytest.mark.parametrize("name", [*SERVICES, "AirflowUrl"])
def test_address_is_a_scheme_a_host_and_a_port(template: dict[str, Any], name: str) -> None:
    assert [value for value in HOSTS if not is_accepted(template, name, value)] == []
    assert [value for value in NO_HOSTS if is_accepted(template, name, value)] == []


@pytest.mark.parametrize("name", ["DefaultReconstructionDag", "DefaultProcessingDag"])
def test_default_dag_is_an_id_that_airflow_takes_or_none(
    template: dict[str, Any], name: str
) -> None:
    for dag_id in ("cartesian_reconstruction", "site.a-2", "a" * 250):
        assert is_accepted(template, name, check_dag_id(dag_id))
    for dag_id in ("two words", "a/b", "a,b", "a" * 251, "größe"):
        assert not is_accepted(template, name, dag_id)
    variable = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper()
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    assert variables[variable] == {"Ref": name}
    assert variable.lower() in Settings.model_fields
    assert template["Parameters"][name]["Default"] == ""


@pytest.mark.parametrize("name", SERVICES)
def test_address_of_a_service_has_no_path(template: dict[str, Any], name: str) -> None:
    # The clients append it: twice would be a 404 at the first call.
    assert not is_accepted(template, name, "https://scanhub.example.org/api/v1/exam")
    assert not is_accepted(template, name, "https://scanhub.example.org/scanhub")
    assert not is_accepted(template, name, "")


def test_airflow_may_be_below_a_path_but_not_named_by_its_api(template: dict[str, Any]) -> None:
    for path in ("/airflow", "/tools/airflow", "/api"):
        assert is_accepted(template, "AirflowUrl", f"https://example.org{path}")
    for path in ("/api/v2", "/api/v1", "/airflow/api/v2", "/airflow/", "//airflow", "/a?b"):
        assert not is_accepted(template, "AirflowUrl", f"https://example.org{path}")
    assert is_accepted(template, "AirflowUrl", "")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "arn",
    [
        PREFIX + "scanhub-a1B2c3",
        PREFIX + "scanhub-dev-AbCdEf",
        PREFIX + "scanhub/prod/service_account+1=2.3@4-5-012345",
        PREFIX + "rds!cluster-0f1e-a1B2c3",
        "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:scanhub-a1B2c3",
        "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:scanhub-a1B2c3",
        "arn:aws-iso-b:secretsmanager:us-isob-east-1:123456789012:secret:scanhub-a1B2c3",
    ],
)
def test_whole_arn_of_a_secret_is_accepted(template: dict[str, Any], name: str, arn: str) -> None:
    assert is_accepted(template, name, arn)


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize(
    "arn",
    [
        PREFIX + "scanhub",
        PREFIX + "scanhub-dev",
        PREFIX + "scanhub-a1B2c",
        PREFIX + "scanhub-a1B2c3d",
        PREFIX + "scanhub-??????",
        PREFIX + "scanhub-*",
        PREFIX + "-a1B2c3",
        PREFIX + "scanhub-a1B2c3 ",
        PREFIX + "scan hub-a1B2c3",
        PREFIX + "scanhub-a1B2c3:password::",
        "scanhub-a1B2c3",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:scanhub-dev-XXXXXX",
        "arn:aws:secretsmanager:eu-central-1:1234:secret:scanhub-a1B2c3",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/scanhub-a1B2c3",
        "arn::secretsmanager:eu-central-1:123456789012:secret:scanhub-a1B2c3",
    ],
)
def test_part_of_an_arn_is_refused(template: dict[str, Any], name: str, arn: str) -> None:
    assert not is_accepted(template, name, arn)


@pytest.mark.parametrize("name", [*SERVICES, *SECRETS, "AirflowUrl"])
def test_refusal_says_in_words_what_is_asked_for(template: dict[str, Any], name: str) -> None:
    assert re.fullmatch(r"must be .+\.", template["Parameters"][name]["ConstraintDescription"])


def test_pattern_of_role_permissions_is_made_of_roles_and_operations(
    template: dict[str, Any],
) -> None:
    roles, operations = ("|".join([*sorted(each), r"\*"]) for each in (ROLES, OPERATIONS))
    listed = rf'("({operations})"\s*(,\s*(?=")|(?=\])))*'
    table = rf'\{{\s*("({roles})"\s*:\s*\[\s*{listed}\]\s*(,\s*(?=")|(?=\}})))*\}}'

    assert template["Parameters"]["RolePermissions"]["AllowedPattern"] == table


@pytest.mark.parametrize("value", ROLE_PERMISSIONS)
def test_role_permissions_are_accepted(template: dict[str, Any], value: str) -> None:
    assert is_accepted(template, "RolePermissions", value)
    assert parse_role_permissions(value) is not None


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_role_permissions_are_refused(template: dict[str, Any], value: str) -> None:
    # A pattern cannot tell whether a role is named twice: `make deploy` and the functions can.
    is_twice = value.count('"medical"') > 1
    assert is_accepted(template, "RolePermissions", value) == is_twice
    with pytest.raises(ValueError, match=r"."):
        parse_role_permissions(value)


def test_samples_are_accepted_once_the_account_is_filled_in(template: dict[str, Any]) -> None:
    assert {name for name, _ in SAMPLES} > set(SERVICES)
    for name, value in SAMPLES:
        if "AllowedPattern" in template["Parameters"][name]:
            filled = value.replace("REGION", "eu-central-1").replace("ACCOUNT", "123456789012")
            assert is_accepted(template, name, filled), (name, value)
