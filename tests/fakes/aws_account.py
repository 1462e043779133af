"""An AWS account that answers as is written down: errors with AWS's own codes and sentences."""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.stub import Stubber

from tools.aws import Aws

ACCOUNT, REGION = "123456789012", "eu-central-1"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/me"

Lesson = Callable[[Stubber], None]


class FakeAws(Aws):
    """Operations that were taught to answer; the caller may not do any other.

    Parameters
    ----------
    region
        Of all calls.
    """

    def __init__(self, region: str | None = REGION) -> None:
        super().__init__(region)
        self._lessons: dict[tuple[str, str], Lesson] = {}
        self.say("sts", "get_caller_identity", {"Account": ACCOUNT, "Arn": CALLER})

    def say(self, service: str, operation: str, answer: dict[str, Any]) -> None:
        """Let an operation answer, however often it is called."""
        self._lessons[service, operation] = lambda stub: stub.add_response(operation, answer)

    def refuse(
        self, service: str, operation: str, code: str, message: str = "", **fields: Any
    ) -> None:
        """Let an operation answer with an error."""
        self._lessons[service, operation] = lambda stub: stub.add_client_error(
            operation, code, message, modeled_fields=fields or None
        )

    def deny(self, service: str, operation: str) -> None:
        """Let an operation be forbidden, as each one is at first."""
        del self._lessons[service, operation]

    def find(self, service: str, operation: str) -> Lesson:
        """Return how an operation answers."""
        action = operation.title().replace("_", "")
        message = (
            f"User: {CALLER} is not authorized to perform: {service}:{action} because no "
            "identity-based policy allows it"
        )

        def deny(stub: Stubber) -> None:
            stub.add_client_error(operation, "AccessDeniedException", message)

        return self._lessons.get((service, operation), deny)

    def connect(self, service: str) -> Any:
        """Return a client whose answers botocore checks, as it does those of AWS."""
        return _Client(self, service)


@cache
def _make_client(service: str) -> Any:
    connect: Any = boto3.client
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return connect(service, region_name=REGION, **keys)


class _Client:
    def __init__(self, aws: FakeAws, service: str) -> None:
        self._aws, self._service = aws, service

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            client = _make_client(self._service)
            with Stubber(client) as stub:
                self._aws.find(self._service, operation)(stub)
                return getattr(client, operation)(**arguments)

        return call
