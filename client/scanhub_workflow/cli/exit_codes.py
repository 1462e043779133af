"""What the exit status says to a script."""

from __future__ import annotations

from enum import IntEnum

from scanhub_workflow import errors


class ExitCode(IntEnum):
    """How a command ended; documented in docs/client.md, for scripts to rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LOGIN = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    REFUSED = 6
    UNAVAILABLE = 7
    ENDED_BADLY = 8
    LOCAL_FILE = 9
    NOT_IN_TIME = 124
    INTERRUPTED = 130


# The first that fits counts.
_BY_ERROR: list[tuple[type[Exception], ExitCode]] = [
    (errors.ConfigurationError, ExitCode.LOGIN),
    (errors.AuthenticationError, ExitCode.LOGIN),
    (errors.LoginExpiredError, ExitCode.LOGIN),
    (errors.PermissionDeniedError, ExitCode.NOT_ALLOWED),
    (errors.NotFoundError, ExitCode.NOT_FOUND),
    (errors.UploadClosedError, ExitCode.NOT_FOUND),
    (errors.UnreachableError, ExitCode.UNAVAILABLE),
    (errors.UnexpectedAnswerError, ExitCode.UNAVAILABLE),
    (errors.ServerError, ExitCode.UNAVAILABLE),
    (errors.UploadInterruptedError, ExitCode.UNAVAILABLE),
    (errors.UploadRefusedError, ExitCode.REFUSED),
    (errors.UploadError, ExitCode.LOCAL_FILE),
    (errors.DownloadInterruptedError, ExitCode.UNAVAILABLE),
    (errors.ResultUnavailableError, ExitCode.NOT_FOUND),
    (errors.DownloadError, ExitCode.LOCAL_FILE),
    (errors.ApiError, ExitCode.REFUSED),
    (TimeoutError, ExitCode.NOT_IN_TIME),
    (errors.InvalidIdError, ExitCode.USAGE),
]


def choose_exit_code(error: Exception) -> ExitCode:
    """Return the exit status of a command that ended with an error.

    Parameters
    ----------
    error
        The error.
    """
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.FAILED)
