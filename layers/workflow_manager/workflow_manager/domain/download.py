"""What of a run may be downloaded: which keys, in which order, under which file name."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from workflow_manager.domain.data_lake import result_prefix
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.result import Fact, Result, result_type_of

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_SIZE_BYTES = 1024
MAX_DOWNLOAD_NAME_LENGTH = 150
NOT_OURS = "This is no plain path below the run's own folder in the data lake."
FOLDER = "This is a folder: its files are listed by themselves."
GONE = "There is no such file in the data lake, or not any more."
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
# Shown by a browser; of anything else, a page with a script for one, it saves a file.
_PICTURE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class ResultFile:
    """A file of a run, and where it can be had.

    Parameters
    ----------
    type
        None for a picture that the DAG did not report.
    url, preview_url
        Whoever holds one can read the file: never logged.
    unavailable_reason
        Why there is no `url`.
    """

    type: ResultType | None
    key: str
    metadata: dict[str, Fact] = field(default_factory=dict)
    size_bytes: int | None = None
    url: str | None = field(default=None, repr=False)
    unavailable_reason: str | None = None
    preview_key: str | None = None
    preview_url: str | None = field(default=None, repr=False)


def is_below(dag_run_id: str, key: str) -> bool:
    """Tell whether a key lies in the run's own folder, ``result/{dag_run_id}/``."""
    prefix = f"{result_prefix(dag_run_id)}/"
    return key.startswith(prefix) and len(key.encode()) <= MAX_KEY_SIZE_BYTES


def may_sign(dag_run_id: str, key: str) -> bool:
    """Tell whether a URL may be signed for a key, if there is such an object."""
    return explain_missing(dag_run_id, key) == GONE


def explain_missing(dag_run_id: str, key: str) -> str:
    """Return why there is no URL for a key.

    Parameters
    ----------
    dag_run_id
        The run.
    key
        S3 key or path; dot segments are a client's way out of the folder.
    """
    if not is_below(dag_run_id, key) or {".", ".."} & set(key.split("/")):
        return NOT_OURS
    return FOLDER if key.endswith("/") else GONE


def place_of_key(dag_run_id: str, key: str) -> tuple[bool, str]:
    """Return where a key stands in the list: first what S3 cannot list, then in S3's own order."""
    return is_below(dag_run_id, key), key


def download_name(dag_run_id: str, key: str) -> str:
    """Return the name that a browser saves a file under: run and base name, ``[A-Za-z0-9._-]``.

    Parameters
    ----------
    dag_run_id
        The run.
    key
        The end of a long base name is kept, as its extension stands there.
    """
    base = _UNSAFE.sub("_", PurePosixPath(key).name)[-MAX_DOWNLOAD_NAME_LENGTH:]
    return f"{_UNSAFE.sub('_', dag_run_id)}-{base}"


def picture_type_of(key: str) -> str | None:
    """Return the content type of a picture by its name; None if it is none."""
    return _PICTURE_TYPES.get(PurePosixPath(key).suffix.lower())


def describe_file(key: str, reported: Result | None) -> ResultFile:
    """Return what is known of a file, before anybody has looked for it.

    Parameters
    ----------
    key
        S3 key or path.
    reported
        What the DAG said of it; None if it wrote the file but did not name it.
    """
    if reported is None:
        return ResultFile(None if picture_type_of(key) else result_type_of(key), key)
    return ResultFile(reported.type, key, dict(reported.metadata), preview_key=reported.preview_key)


def format_disposition(file_name: str, shown_as: str | None) -> str:
    """Return the Content-Disposition of a download.

    Parameters
    ----------
    file_name
        From `download_name`.
    shown_as
        Content type of what a browser is to show, not to save.
    """
    return f'{"inline" if shown_as else "attachment"}; filename="{file_name}"'
