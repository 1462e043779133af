from typing import Any

import boto3
import pytest

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.secrets import load_credentials, load_pseudonym_key


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


KEY = "0123456789abcdef0123456789abcdef"


def test_load_pseudonym_key_reads_it_without_the_end_of_its_line(secretsmanager: Any) -> None:
    key = load_pseudonym_key(create_secret(secretsmanager, KEY + "\n"), secretsmanager)
    assert key.get_secret_value() == KEY
    assert KEY not in repr(key) + str(key)


@pytest.mark.parametrize("text", ["{}", KEY[1:], f"  {KEY[3:]}  "])
def test_load_pseudonym_key_takes_none_that_could_be_guessed(
    secretsmanager: Any, text: str
) -> None:
    with pytest.raises(UpstreamError) as caught:
        load_pseudonym_key(create_secret(secretsmanager, text), secretsmanager)
    assert text.strip() not in str(caught.value)


@pytest.mark.parametrize("arn", ["", "no-such-secret"])
def test_load_pseudonym_key_raises_when_there_is_no_secret(secretsmanager: Any, arn: str) -> None:
    with pytest.raises(UpstreamError):
        load_pseudonym_key(arn, secretsmanager)
