"""What to type after an error; the library's own sentences know nothing of commands."""

from __future__ import annotations

from scanhub_workflow import errors

LOGIN = "Log in: scanhub-workflow login"
_AGAIN = "The same command goes on with it."
_RESUME_OR_ABORT = (
    "Resume: the same command with --resume {upload_id} in place of --dag or --task. "
    "Abort: scanhub-workflow cancel --upload {upload_id}"
)

# The first that fits counts.
_BY_ERROR: list[tuple[type[Exception], str]] = [
    (errors.AuthenticationError, LOGIN),
    (errors.LoginExpiredError, f"{LOGIN}. {_AGAIN}"),
    (errors.UploadInterruptedError, _AGAIN),
    (errors.FileChangedError, _RESUME_OR_ABORT),
    (errors.OtherFileError, _RESUME_OR_ABORT),
    (errors.OtherRunError, "To replace them: --overwrite"),
    (errors.TargetExistsError, "To replace it: --overwrite"),
    (errors.UnreachableError, "What is wrong: scanhub-workflow doctor"),
]


def choose_advice(error: Exception) -> str:
    """Return what to type after an error; nothing if its own sentence says all.

    Parameters
    ----------
    error
        The error.
    """
    found = next((advice for kind, advice in _BY_ERROR if isinstance(error, kind)), "")
    upload_id = error.upload_id if isinstance(error, errors.UploadError) else None
    return found.format(upload_id=upload_id)
