"""The files of a run that may be downloaded: their keys, their order and their file names."""

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
# The types that a browser may show; it saves all others, such as a page with a script.
_PICTURE_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass(frozen=True)
class ResultFile:
    """A file of a run, and the URL to download it from.

    Parameters
    ----------
    type
        None for a picture that the DAG did not report.
    url, preview_url
        Everybody who holds one can read the file, so they are never logged.
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
    """Tell whether we may sign a URL for a key, provided that the object exists."""
    return explain_missing(dag_run_id, key) == GONE


def explain_missing(dag_run_id: str, key: str) -> str:
    """Return why there is no URL for a key, which may hold dot segments to leave the folder."""
    if not is_below(dag_run_id, key) or {".", ".."} & set(key.split("/")):
        return NOT_OURS
    return FOLDER if key.endswith("/") else GONE


def find_signable_key(bucket: str, directory: str, filename: str) -> str | None:
    """Return the key of a result by its place in exam-manager; None if we sign no URL for it."""
    key = f"{directory}/{filename}".removeprefix(f"s3://{bucket}/")
    match key.split("/"):
        case [_, dag_run_id, _, *_] if may_sign(dag_run_id, key):
            return key
    return None


def place_of_key(dag_run_id: str, key: str) -> tuple[bool, str]:
    """Return where a key stands in the list: first keys that S3 cannot list, then in S3's order."""
    return is_below(dag_run_id, key), key


def download_name(dag_run_id: str, key: str) -> str:
    """Return the file name for a browser: run, and the end of the base name, ``[A-Za-z0-9._-]``."""
    base = _UNSAFE.sub("_", PurePosixPath(key).name)[-MAX_DOWNLOAD_NAME_LENGTH:]
    return f"{_UNSAFE.sub('_', dag_run_id)}-{base}"


def picture_type_of(key: str) -> str | None:
    """Return the content type of a picture by its name; None if it is no picture."""
    return _PICTURE_TYPES.get(PurePosixPath(key).suffix.lower())


def describe_file(key: str, reported: Result | None) -> ResultFile:
    """Return what the DAG reported of a file, if it did; without size and URL."""
    if reported is None:
        return ResultFile(None if picture_type_of(key) else result_type_of(key), key)
    return ResultFile(reported.type, key, dict(reported.metadata), preview_key=reported.preview_key)


def format_disposition(file_name: str, shown_as: str | None) -> str:
    """Return a download's Content-Disposition; with a content type in `shown_as`, it is shown."""
    return f'{"inline" if shown_as else "attachment"}; filename="{file_name}"'
