from typing import Any

import boto3
import pytest

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.secrets import load_credentials


@pytest.fixture
def secretsmanager() -> Any:
    return boto3.client("secretsmanager")


def create_secret(client: Any, text: str) -> str:
    return str(client.create_secret(Name="airflow", SecretString=text)["ARN"])


def test_load_credentials_reads_user_name_and_password(secretsmanager: Any) -> None:
    arn = create_secret(secretsmanager, '{"username": "service", "password": "pass word"}')
    credentials = load_credentials(arn, secretsmanager)
    assert credentials.username == "service"
    assert credentials.password.get_secret_value() == "pass word"
    assert "pass word" not in repr(credentials)


@pytest.mark.parametrize("text", ["pass word", '{"username": "service", "pass": "pass word"}'])
def test_load_credentials_raises_without_quoting_when_it_is_something_else(
    secretsmanager: Any, text: str
) -> None:
    arn = create_secret(secretsmanager, text)
    with pytest.raises(UpstreamError) as caught:
        load_credentials(arn, secretsmanager)
    assert "pass word" not in str(caught.value)


def test_load_credentials_raises_when_there_is_no_secret(secretsmanager: Any) -> None:
    with pytest.raises(UpstreamError):
        load_credentials("no-such-secret", secretsmanager)
