"""Why something cannot be carried over the bridge now, in sentences that name no file."""

from __future__ import annotations

import os

from scanhub_workflow import errors
from scanhub_workflow.targets import NoSpaceError

# Of a proxy's words, too.
MAX_LENGTH = 500


class NotYetError(errors.ScanHubError):
    """Nothing is wrong: somebody else is still at work."""


class CannotError(errors.ScanHubError):
    """Something is wrong, and may be mended."""


def explain(error: Exception) -> str:
    """Return the reason of a failure; no sentence holds a file's name, a path or a token.

    Parameters
    ----------
    error
        What ended the transfer.
    """
    match error:
        case errors.DownloadError(keys=keys) if keys:
            # Its sentence names keys, which a DAG has chosen.
            return "An image of the run cannot be had, or something else lies in its place."
        case errors.AuthenticationError():
            return "The API or exam-manager does not take the login of the service account."
        case errors.PermissionDeniedError():
            return "The role of the service account does not allow it (RolePermissions)."
        case errors.ScanHubError():
            return str(error)[:MAX_LENGTH]
        case NoSpaceError():
            return "The volume is full."
        case OSError():
            return f"The volume cannot be read or written: {os.strerror(error.errno or 0)}."
        case _:
            return f"An error of the bridge itself: {type(error).__name__}."
