"""AWS as an operator sees it: with a deadline, and with refusals told apart from faults."""

from __future__ import annotations

import re
import threading
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Each service has a word of its own for it.
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
    """Clients of one account and region; they can be had from several threads.

    Parameters
    ----------
    region, profile
        None leaves them to the environment and AWS's own files.
    """

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        self._region, self._profile = region, profile
        self._lock = threading.RLock()

    @cached_property
    def _session(self) -> Any:
        # Sam makes its own by the same rules.
        return boto3.Session(region_name=self._region, profile_name=self._profile)

    @property
    def region(self) -> str | None:
        """Region of all calls."""
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
        """Return a client that gives up in time.

        Parameters
        ----------
        service
            AWS's name of it.
        """
        config = Config(
            connect_timeout=3,
            read_timeout=8,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        # A session makes clients for one thread at a time.
        with self._lock:
            return self._session.client(service, config=config)

    def identify(self) -> dict[str, str]:
        """Return who calls: ``Account`` and ``Arn``."""
        return dict(self.connect("sts").get_caller_identity())


def get_code(error: Exception) -> str:
    """Return AWS's word for an error; empty if it is not AWS's.

    Parameters
    ----------
    error
        Any.
    """
    return str(error.response["Error"].get("Code", "")) if isinstance(error, ClientError) else ""


def get_message(error: Exception) -> str:
    """Return AWS's sentence.

    Parameters
    ----------
    error
        Any.
    """
    if isinstance(error, ClientError):
        return str(error.response["Error"].get("Message", ""))
    return str(error)


def explain(error: BotoCoreError | ClientError) -> str:
    """Return in a few words why AWS did not do it.

    Parameters
    ----------
    error
        Of boto3.
    """
    code = get_code(error)
    if code in DENIED and isinstance(error, ClientError):
        found = _ACTION.search(get_message(error))
        return f"you may not do {found.group(1) if found else error.operation_name}"
    if code in BAD_CREDENTIALS:
        return "AWS does not take these credentials"
    if code:
        return f"AWS answered {code}: {get_message(error).rstrip('.')}"
    return f"{type(error).__name__}: {error}".rstrip(".")
