"""Credentials and keys out of Secrets Manager."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from workflow_manager.domain.errors import UpstreamError

# Of the key of the pseudonyms, as the template makes it: letters and digits of 190 bits.
MIN_KEY_LENGTH = 32


class Credentials(BaseModel):
    """User name and password of an account; the password never prints."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    username: str
    password: SecretStr


def load_credentials(secret_arn: str, client: Any) -> Credentials:
    """Read user name and password from a secret, each time anew, as passwords are rotated.

    Parameters
    ----------
    secret_arn
        The secret: JSON with ``username`` and ``password``.

    Raises
    ------
    UpstreamError
        The secret cannot be read, or holds something else.
    """
    try:
        answer = client.get_secret_value(SecretId=secret_arn)
    except (ClientError, BotoCoreError) as error:
        raise UpstreamError("The credentials cannot be read.") from error
    try:
        return Credentials.model_validate_json(answer.get("SecretString", ""))
    except ValidationError:
        # Without its cause, in which pydantic quotes the input.
        raise UpstreamError("The secret does not hold a username and a password.") from None


def load_pseudonym_key(secret_arn: str, client: Any) -> SecretStr:
    """Read the key of the patients' pseudonyms; it never prints.

    Parameters
    ----------
    secret_arn
        The secret: text of 32 characters or more.

    Raises
    ------
    UpstreamError
        The secret cannot be read, or holds something else.
    """
    try:
        answer = client.get_secret_value(SecretId=secret_arn)
    except (ClientError, BotoCoreError) as error:
        raise UpstreamError("The key of the patients' pseudonyms cannot be read.") from error
    # Of a file, a line's end comes along.
    key = answer.get("SecretString", "").strip()
    if len(key) < MIN_KEY_LENGTH:
        raise UpstreamError("The secret does not hold the key of the patients' pseudonyms.")
    return SecretStr(key)
