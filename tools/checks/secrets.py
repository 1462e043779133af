"""Checks of the secrets that functions read, and of the data's key; no value is ever shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from scanhub_workflow.doctor.checks import Check, failed, ok, skipped
from tools.aws import DENIED, Aws, explain, get_code
from workflow_manager.secrets import MIN_KEY_LENGTH

PSEUDONYM_KEY = "key of the pseudonyms"
_KEYS = ("username", "password")
_AWS_KEY = "alias/aws/secretsmanager"
_PUT_VALUE = (
    "aws secretsmanager put-secret-value --secret-id {arn} --secret-string file://secret.json"
)


def check_secret(aws: Aws, parameter: str, arn: str) -> Iterator[Check]:
    """Tell whether functions can read a parameter's secret, and find in it what they need."""
    if fault := _find_elsewhere(aws, arn):
        yield failed(parameter, *fault)
        return
    client = aws.connect("secretsmanager")
    try:
        secret = client.describe_secret(SecretId=arn)
    except ClientError as error:
        # ValidationException: the name cannot be that of a secret.
        if get_code(error) not in {"ResourceNotFoundException", "ValidationException"}:
            raise
        advice = (
            'Create it, as JSON {"username": …, "password": …}: docs/deploy.md#secrets. '
            "Then put its whole ARN, with six characters at its end, into samconfig.toml."
        )
        yield failed(parameter, f"{arn} does not exist.", advice)
        return
    fault = _find_fault(aws, arn, secret) or _find_fault_of_value(client, arn)
    if fault is None:
        yield ok(parameter, f"{secret['Name']} holds a username and a password.")
    elif fault[1]:
        yield failed(parameter, *fault)
    else:
        yield skipped(parameter, fault[0])


def check_pseudonym_key(aws: Aws, arn: str) -> Iterator[Check]:
    """Tell whether functions can read the key of the patients' pseudonyms, which the stack made."""
    client = aws.connect("secretsmanager")
    try:
        fault = _find_fault(aws, arn, client.describe_secret(SecretId=arn))
        value = "" if fault else client.get_secret_value(SecretId=arn).get("SecretString", "")
        is_whole = len(value.strip()) >= MIN_KEY_LENGTH
    except ClientError as error:
        if get_code(error) != "ResourceNotFoundException":
            raise
        fault, is_whole = None, False
    if fault:
        yield failed(PSEUDONYM_KEY, *fault)
    elif is_whole:
        yield ok(PSEUDONYM_KEY, "It is there.")
    else:
        detail = f"{arn} is gone, or holds none: runs of a workflow wait."
        advice = "Put back the one that was there: docs/operations.md#key-of-the-pseudonyms"
        yield failed(PSEUDONYM_KEY, detail, advice)


def _find_elsewhere(aws: Aws, arn: str) -> tuple[str, str] | None:
    _, _, _, region, account, *_ = [*arn.split(":"), "", "", "", ""]
    if aws.region and region != aws.region:
        advice = "Create the secret in the stack's region, or replicate it there."
        return f"It lies in {region}, the stack in {aws.region}.", advice
    try:
        ours = aws.identify()["Account"]
    except Exception:  # noqa: BLE001 - told by the check of the credentials
        return None
    if account != ours:
        advice = "Create the secret in the stack's account: aws/secretsmanager is of one account."
        return f"It lies in account {account}, the stack in {ours}.", advice
    return None


def _find_fault(aws: Aws, arn: str, secret: dict[str, Any]) -> tuple[str, str] | None:
    if secret.get("DeletedDate"):
        advice = f"Restore it: aws secretsmanager restore-secret --secret-id {arn}"
        return "It is marked for deletion.", advice
    if secret["ARN"] != arn:
        return "Its ARN is not whole: no role would fit.", f"Write {secret['ARN']}."
    states = {
        each.get("Region"): each.get("Status") for each in secret.get("ReplicationStatus", [])
    }
    if states.get(aws.region) in {"Failed", "InProgress"}:
        advice = "Look at its replication in Secrets Manager; remove the replica and make it anew."
        return f"Its replica here is {states[aws.region]}.", advice
    key = secret.get("KmsKeyId") or _AWS_KEY
    if key.endswith(_AWS_KEY):
        return None
    try:
        manager = aws.connect("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyManager"]
    except ClientError as error:
        if get_code(error) not in DENIED:
            raise
        return f"Whose key encrypts it could not be checked: {explain(error)}.", ""
    if manager == "AWS":
        return None
    advice = (
        "Give it Secrets Manager's own: aws secretsmanager update-secret "
        f"--secret-id {arn} --kms-key-id {_AWS_KEY}"
    )
    return "It is encrypted with a key that functions may not use.", advice


def _find_fault_of_value(client: Any, arn: str) -> tuple[str, str] | None:
    advice = f"Put one in: {_PUT_VALUE.format(arn=arn)}"
    try:
        answer = client.get_secret_value(SecretId=arn)
    except ClientError as error:
        code = get_code(error)
        if code in DENIED:
            return f"It exists; what it holds could not be checked: {explain(error)}.", ""
        if code == "ResourceNotFoundException":
            return "It has no value.", advice
        if code == "InvalidRequestException":
            return "It is being changed or deleted.", f"Look at it in Secrets Manager: {arn}"
        raise
    try:
        # The parser's message would show the secret.
        content = json.loads(answer.get("SecretString") or "")
    except ValueError:
        return "It holds no JSON.", advice
    held = content if isinstance(content, dict) else {}
    missing = [key for key in _KEYS if not isinstance(held.get(key), str) or not held[key]]
    if missing:
        return f"Its JSON has no {' and no '.join(missing)}.", advice
    return None


def check_key(aws: Aws, arn: str) -> Iterator[Check]:
    """Tell whether the customer's own key can encrypt the data."""
    name = "KmsKeyArn"
    if (region := f"{arn}:::".split(":")[3]) != aws.region:
        yield failed(name, f"It lies in {region}, the stack in {aws.region}.", "Name another key.")
        return
    try:
        key = aws.connect("kms").describe_key(KeyId=arn)["KeyMetadata"]
    except ClientError as error:
        if get_code(error) != "NotFoundException":
            raise
        yield failed(name, "There is no such key.", "Name another key, or none: one is made then.")
        return
    if key["KeyState"] != "Enabled":
        detail = f"It is {key['KeyState']}."
        yield failed(name, detail, "Enable it, or cancel its deletion, or name another key.")
    elif key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        advice = "Name a symmetric key: S3 and DynamoDB take no other."
        yield failed(name, f"It is of the kind {key['KeySpec']}.", advice)
    else:
        yield ok(name, "It is enabled.")
