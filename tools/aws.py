"""AWS for an operator: calls have a deadline, and a refusal is no fault."""

from __future__ import annotations

import re
import threading
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# The codes of a refusal: each service has its own.
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
)
BAD_CREDENTIALS = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"),
        *("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"),
        *("InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature"),
        *("InvalidAccessKeyId", "MissingAuthenticationToken"),
    }
)
_ACTION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:\w+)")


class Aws:
    """Clients of an account and region, for several threads; None leaves them to AWS's settings."""

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        self._region, self._profile = region, profile
        self._lock = threading.RLock()

    @cached_property
    def _session(self) -> Any:
        # Sam makes its own by the same rules.
        return boto3.Session(region_name=self._region, profile_name=self._profile)

    @property
    def region(self) -> str | None:
        """The region of all calls."""
        with self._lock:
            found: str | None = self._session.region_name
            return found

    @property
    def known_regions(self) -> list[str]:
        """The regions that this boto3 knows of."""
        with self._lock:
            partitions = self._session.get_available_partitions()
            names = (self._session.get_available_regions("lambda", each) for each in partitions)
            return [name for each in names for name in each]

    def connect(self, service: str) -> Any:
        """Return a client of a service that gives up in time."""
        config = Config(
            connect_timeout=3,
            read_timeout=8,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        # A session makes clients for one thread at a time.
        with self._lock:
            return self._session.client(service, config=config)

    def identify(self) -> dict[str, str]:
        """Return the ``Account`` and ``Arn`` of the caller."""
        return dict(self.connect("sts").get_caller_identity())


def get_code(error: Exception) -> str:
    """Return AWS's code of an error; empty if the error is not AWS's."""
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def get_message(error: Exception) -> str:
    """Return AWS's sentence about an error."""
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Message", ""))
    return str(error)


def explain(error: BotoCoreError | ClientError) -> str:
    """Return in a few words why a call of boto3 failed."""
    code = get_code(error)
    if code in DENIED and isinstance(error, ClientError):
        found = _ACTION.search(get_message(error))
        return f"you may not do {found.group(1) if found else error.operation_name}"
    if code in BAD_CREDENTIALS:
        return "AWS does not take these credentials"
    if code:
        return f"AWS answered {code}: {get_message(error).rstrip('.')}"
    return f"{type(error).__name__}: {error}".rstrip(".")
