"""Errors of S3, and of the way to it, as our errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from workflow_manager.domain.errors import (
    ConflictError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)

DETAIL = "The data lake failed."
BAD_PARTS = "S3 does not take these parts: list them again."
_BAD_PARTS = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}
_BAD_CHECKSUM = "BadDigest"


def code_of(error: ClientError) -> str:
    """Return S3's own code for an error."""
    return str(error.response["Error"]["Code"])


@contextmanager
def s3_errors() -> Iterator[None]:
    """Turn what S3 and the way to it raise into our errors."""
    try:
        yield
    except ClientError as error:
        if code_of(error) in _BAD_PARTS:
            raise ConflictError(BAD_PARTS) from error
        if code_of(error) == _BAD_CHECKSUM:
            raise ConflictError("The file in S3 has another CRC-64/NVME than yours.") from error
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        raise UpstreamRefusedError(DETAIL, status) from error
    except (ConnectTimeoutError, EndpointConnectionError) as error:
        raise UpstreamUnreachableError(DETAIL) from error
    except ReadTimeoutError as error:
        raise UpstreamTimeoutError(DETAIL) from error
    except BotoCoreError as error:
        raise UpstreamError(DETAIL) from error
