"""Credentials out of Secrets Manager."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from workflow_manager.domain.errors import UpstreamError


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
