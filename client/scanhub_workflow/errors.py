"""What can go wrong, for callers to tell apart.

::

    ScanHubError
    ├── ConfigurationError        no URL or no token is given
    ├── InvalidIdError            an id that leads nowhere
    ├── UnreachableError          no answer came
    ├── UnexpectedAnswerError     an answer that this client does not understand
    ├── ApiError                  the API refused: status, detail, reason, request_id
    │   ├── BadRequestError           400
    │   ├── AuthenticationError       401, and the 403 of API Gateway's authorizer
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404
    │   ├── ConflictError             409
    │   ├── PayloadTooLargeError      413
    │   ├── InvalidInputError         422
    │   └── ServerError               5xx
    ├── UploadError               a file did not get there: upload_id, if there is one
    │   ├── UnreadableFileError       nothing that could be sent
    │   ├── FileChangedError          it changed while it was sent, or is gone
    │   ├── OtherFileError            it is not the file that the upload began with
    │   ├── LoginExpiredError         the token is not accepted any more
    │   ├── UploadInterruptedError    S3 or the API could not be reached
    │   ├── UploadRefusedError        S3 or the API refused a part or the whole
    │   └── UploadClosedError         it was aborted or has expired
    └── DownloadError             a run's files are not all here: keys, if some are to blame
        ├── ResultUnavailableError    the run has no such files, or not yet
        ├── UnsafeKeyError            a key leads outside of the folder, or its name deceives
        ├── UnwritableFolderError     the folder cannot be made or written
        ├── OtherRunError             its folder has files of another run
        ├── TargetExistsError         another file is there already
        ├── DiskFullError             there is no space left
        └── DownloadInterruptedError  S3 or the API could not be reached, or S3 refused

No message holds a token, a presigned URL or the name of a file of yours: each may end up in a log.
S3's keys are ids and names that a DAG chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MAX_NAMED_KEYS = 5
RESUME = "What has arrived is kept for two weeks: resume upload {upload_id}."


class ScanHubError(Exception):
    """Anything that this library raises on its own account."""


class ConfigurationError(ScanHubError):
    """The client does not know where to go or who calls."""


class InvalidIdError(ScanHubError, ValueError):
    """An id is empty, or would lead to another path."""


class UnreachableError(ScanHubError):
    """No answer came, also after trying again where that was safe."""


class UnexpectedAnswerError(ScanHubError):
    """The answer is none that the API gives."""


class ApiError(ScanHubError):
    """The API refused a request.

    Attributes
    ----------
    status
        HTTP status.
    detail
        What is wrong, in a sentence.
    reason
        More for the operator, if there is more.
    request_id
        Under which the operators of the server find the request.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        reason: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(status, detail, reason, request_id)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.request_id = request_id

    def __str__(self) -> str:
        """Return all that is known, on one line."""
        reason = f": {self.reason}" if self.reason else ""
        request = f", request {self.request_id}" if self.request_id else ""
        return f"{self.detail}{reason} (HTTP {self.status}{request})"


class BadRequestError(ApiError):
    """400: what exam-manager or a workflow holds cannot be carried out."""


class AuthenticationError(ApiError):
    """401, or API Gateway's own 403: no token, or one that is not valid (any more)."""


class PermissionDeniedError(ApiError):
    """403: the caller's role does not allow it."""


class NotFoundError(ApiError):
    """404: there is no such thing, or not for this caller."""


class ConflictError(ApiError):
    """409: the state does not allow it."""


class PayloadTooLargeError(ApiError):
    """413: the file is too large for a request: `Client.upload` takes any size."""


class InvalidInputError(ApiError):
    """422: the request says something impossible."""


class ServerError(ApiError):
    """5xx: the server, or a neighbour it asks, could not do it now."""


_ERROR_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: PayloadTooLargeError,
    422: InvalidInputError,
}


def choose_error(status: int) -> type[ApiError]:
    """Return the class of a refusal.

    Parameters
    ----------
    status
        HTTP status.
    """
    return _ERROR_BY_STATUS.get(status, ServerError if status >= 500 else ApiError)


class UploadError(ScanHubError):
    """A file did not get there.

    Attributes
    ----------
    upload_id
        Of the upload, to resume or to abort it; None if it was not begun.
    """

    def __init__(self, message: str, upload_id: str | None = None) -> None:
        super().__init__(message, upload_id)
        self.message = message
        self.upload_id = upload_id

    def __str__(self) -> str:
        """Return what to do."""
        return self.message


class UnreadableFileError(UploadError):
    """The path leads to nothing that could be sent."""


class FileChangedError(UploadError):
    """The file changed while it was sent, or is gone; nothing was completed."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "The file changed while it was sent, or is gone; nothing was completed. Upload "
            f"{upload_id} stays open for two weeks: put the file back and resume it, or abort it "
            "and upload the new file.",
            upload_id,
        )


class OtherFileError(UploadError):
    """The file is not the one that the upload began with."""

    def __init__(self, upload_id: str, difference: str) -> None:
        super().__init__(
            f"This is not the file that upload {upload_id} began with: {difference}. Resume it "
            "with that file, or abort it and upload this one.",
            upload_id,
        )


class LoginExpiredError(UploadError):
    """The token is not accepted any more."""

    def __init__(self, upload_id: str) -> None:
        again = RESUME.format(upload_id=upload_id)
        super().__init__(f"Your login has expired: log in again. {again}", upload_id)


class UploadInterruptedError(UploadError):
    """S3 or the API could not be reached, also after trying again."""

    def __init__(self, upload_id: str, cause: str) -> None:
        again = RESUME.format(upload_id=upload_id)
        super().__init__(f"The upload was interrupted: {cause} {again}", upload_id)


class UploadRefusedError(UploadError):
    """S3 or the API refused a part or the whole."""

    def __init__(self, upload_id: str, cause: str) -> None:
        super().__init__(
            f"The upload was refused: {cause} Resume upload {upload_id} if it is still open, else "
            "upload the file anew.",
            upload_id,
        )


class UploadClosedError(UploadError):
    """The upload was aborted or has expired."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            f"Upload {upload_id} was aborted, has expired or is not yours: upload the file anew.",
            upload_id,
        )


class DownloadError(ScanHubError):
    """The files of a run are not all here; those that are complete stay.

    Attributes
    ----------
    keys
        S3 keys of the files that are to blame, if some are.
    """

    def __init__(self, message: str, keys: Sequence[str] = ()) -> None:
        super().__init__(message, tuple(keys))
        self.message = message
        self.keys = tuple(keys)

    def __str__(self) -> str:
        """Return what to do."""
        return self.message


class ResultUnavailableError(DownloadError):
    """The run has no such files, or not yet."""

    @classmethod
    def of_files(cls, reasons: Mapping[str, str]) -> ResultUnavailableError:
        """Return the error of a run whose other files are here.

        Parameters
        ----------
        reasons
            Why a file cannot be had, by S3 key.
        """
        keys = sorted(reasons)
        named = "; ".join(f"{key!r}: {reasons[key]}" for key in keys[:MAX_NAMED_KEYS])
        more = f"; and {len(keys) - MAX_NAMED_KEYS} more" if len(keys) > MAX_NAMED_KEYS else ""
        return cls(
            f"{len(keys)} of the run's files cannot be had, all others are here. Ask whoever keeps "
            f"the data lake, or run the DAG again. {named}{more}",
            keys,
        )


class UnsafeKeyError(DownloadError):
    """A key leads outside of the folder, or has a name that is not what it looks like."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"The key {key!r} is no plain path below the run's own: nothing was downloaded. Tell "
            "whoever wrote the DAG.",
            [key],
        )


class UnwritableFolderError(DownloadError):
    """The folder cannot be made or written."""


class TargetExistsError(DownloadError):
    """Another file is there already."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Something else is already where {key!r} belongs: name another folder, or let files "
            "be overwritten (is_overwriting=True).",
            [key],
        )


class OtherRunError(DownloadError):
    """The folder has files of another run, or of another origin, under the names of this one's."""

    def __init__(self) -> None:
        super().__init__(
            "The folder has files of another run, or of another origin: name another folder, or "
            "let them be overwritten (is_overwriting=True)."
        )


class DiskFullError(DownloadError):
    """There is no space left for what is missing.

    Attributes
    ----------
    missing_bytes
        How much is to be freed [bytes].
    """

    def __init__(self, missing_bytes: int) -> None:
        super().__init__(
            f"The disk is full: free {missing_bytes:,} bytes, then download again; what is "
            "complete stays."
        )
        self.missing_bytes = missing_bytes


class DownloadInterruptedError(DownloadError):
    """S3 or the API could not be reached or refused, also after trying again."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The download was interrupted: {cause} Download again: what is complete stays."
        )
