"""The template as written, and as CloudFormation gets it."""

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode
from samtranslator.translator.transform import transform

ROOT = Path(__file__).parents[2]
SECRETS = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
PARAMETERS = {
    "PythonRuntime": "python3.13",
    "Architecture": "arm64",
    "AirflowUrl": "https://airflow.example.org",
    "AirflowSecretArn": SECRETS + "airflow-a1B2c3",
    "ServiceAccountSecretArn": SECRETS + "scanhub-a1B2c3",
    "UserLoginManagerUri": "https://user-login-manager.example.org",
    "ExamManagerUri": "https://exam-manager.example.org",
    "PatientManagerUri": "https://patient-manager.example.org",
    "SequenceManagerUri": "https://sequence-manager.example.org",
    "DeviceManagerUri": "https://device-manager.example.org",
}


class NoManagedPolicies:
    """The template names no managed policy of AWS."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    decoded, problems = decode(str(ROOT / "template.yaml"))
    assert not problems
    return dict(decoded)


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def translate(layer: str = "1", **parameters: str) -> dict[str, Any]:
    """Return what CloudFormation gets, for code whose layer has this content."""
    decoded, _ = decode(str(ROOT / "template.yaml"))
    for resource in decoded["Resources"].values():
        for name, content in (("CodeUri", "code"), ("ContentUri", f"layer-{layer}")):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = f"s3://artefacts/{content}.zip"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        return dict(transform(decoded, PARAMETERS | parameters, NoManagedPolicies()))


@pytest.fixture(scope="session")
def translated() -> dict[str, Any]:
    return translate()


@pytest.fixture(scope="session")
def resources(translated: dict[str, Any]) -> dict[str, Any]:
    return dict(translated["Resources"])


def select(resources: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of all resources of a type, by logical id."""
    return {
        name: dict(resource["Properties"])
        for name, resource in resources.items()
        if resource["Type"] == kind
    }
