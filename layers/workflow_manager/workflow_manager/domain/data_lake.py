"""The meaning of keys in the data lake; a client's file name never becomes part of a key."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict

from workflow_manager.domain.errors import InvalidInputError
from workflow_manager.domain.ids import is_id, normalize_id
from workflow_manager.domain.trace import TraceContext

UPLOAD_PREFIX = "upload"
ACQUISITION_PREFIX = "acquisition"
RESULT_PREFIX = "result"
MAX_FILE_NAME_LENGTH = 255
# Airflow's own rule for keys, airflow/utils/helpers.py: validate_key
_DAG_ID = re.compile(r"[\w.-]{1,250}", re.ASCII)
_KNOWN_EXTENSIONS = {"h5", "hdf5", "mrd", "npy", "dcm"}


class ObjectVersion(BaseModel):
    """One version of one object: the unit of "exactly once".

    Attributes
    ----------
    version_id
        S3's version id; None only in a bucket without versioning.
    """

    model_config = ConfigDict(frozen=True)

    bucket: str
    key: str
    version_id: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True)
class ObjectStart:
    """The first bytes of an object, and the trace of the request that stored it."""

    content: bytes = field(repr=False)
    trace: TraceContext | None = None


@dataclass(frozen=True)
class DagData:
    """Data for a DAG of its own."""

    dag_id: str


@dataclass(frozen=True)
class AcquisitionData:
    """Raw data of a device task; without an upload if somebody put it into the bucket by hand."""

    workflow_id: str
    task_id: str
    upload_id: str | None


def parse_key(key: str) -> DagData | AcquisitionData | None:
    """Return what the object of a decoded key is for; None for folder markers and unknown keys."""
    match key.split("/"):
        case [*_, ""]:
            return None
        case ["upload", dag_id, _, *_] if _DAG_ID.fullmatch(dag_id):
            return DagData(dag_id)
        case ["acquisition", *ids, _] if len(ids) > 1 and all(map(_is_id_of_key, ids[:2])):
            workflow_id, task_id, *rest = ids
            upload_id = rest[0] if rest else None
            return AcquisitionData(normalize_id(workflow_id), normalize_id(task_id), upload_id)
    return None


def is_folder_marker(data: ObjectVersion) -> bool:
    """Tell whether an object is a marker that S3's console makes for a folder."""
    return data.key.endswith("/") and not data.size_bytes


def explain_misfit(data: ObjectVersion) -> str | None:
    """Return why an object can cause nothing, without its key; None if it may cause something."""
    if is_folder_marker(data):
        return "It is a folder marker, not data."
    if is_result_key(data.key):
        return "It lies below result/, where DAGs write: that never starts anything."
    if parse_key(data.key) is None:
        return (
            "Its key reads neither upload/{dag_id}/{name} nor "
            "acquisition/{workflow_id}/{task_id}/{name}, with ids as Airflow and ScanHub make them."
        )
    return "It is empty." if data.size_bytes == 0 else None


def is_lake_key(key: str) -> bool:
    """Tell whether a key has one of the data lake's prefixes."""
    return key.partition("/")[0] in {UPLOAD_PREFIX, ACQUISITION_PREFIX, RESULT_PREFIX}


def is_object_key(key: str) -> bool:
    """Tell whether a key may be that of our object: no folder, and no path on a worker."""
    return is_lake_key(key) and not key.endswith("/")


def is_result_key(key: str) -> bool:
    """Tell whether a key lies where DAGs write results."""
    return key.startswith(f"{RESULT_PREFIX}/")


def dag_data_key(dag_id: str, upload_id: str, file_name: str) -> str:
    """Return the key of data for a DAG: ``upload/{dag_id}/{upload_id}/raw.{ext}``."""
    return f"{UPLOAD_PREFIX}/{dag_id}/{upload_id}/{_raw_name(file_name)}"


def acquisition_key(workflow_id: str, task_id: str, upload_id: str, file_name: str) -> str:
    """Return the key of a device task's raw data: ``acquisition/…/{task_id}/…/raw.{ext}``."""
    return f"{ACQUISITION_PREFIX}/{workflow_id}/{task_id}/{upload_id}/{_raw_name(file_name)}"


def result_prefix(dag_run_id: str) -> str:
    """Return where a run writes its results: ``result/{dag_run_id}``."""
    return f"{RESULT_PREFIX}/{dag_run_id}"


def dag_run_id_of(key: str) -> str | None:
    """Return the run that has written a result's key; None if it is none."""
    match key.split("/"):
        case [prefix, dag_run_id, _, *_] if prefix == RESULT_PREFIX and dag_run_id:
            return dag_run_id
    return None


def acquisition_prefixes(workflow_id: str) -> list[str]:
    """Return the prefixes of all raw data of a workflow: ``acquisition/{id}``, in both cases."""
    # Only a UUID is the same in upper case; any other id would be another workflow's.
    forms = dict.fromkeys([workflow_id, workflow_id.upper()])
    same = [form for form in forms if normalize_id(form) == normalize_id(workflow_id)]
    return [f"{ACQUISITION_PREFIX}/{form}" for form in same]


def check_prefix(prefix: str) -> str:
    """Return `prefix` if only one thing lies below it.

    Raises
    ------
    ValueError
        It does not end in a slash: ``result/ab`` is the beginning of ``result/abc/…`` too.
    """
    if not prefix.removesuffix("/") or not prefix.endswith("/"):
        raise ValueError(f'"{prefix}" is no folder.')
    return prefix


def check_dag_id(dag_id: str) -> str:
    """Return `dag_id` if Airflow would accept it.

    Raises
    ------
    InvalidInputError
        Airflow would not; the message says its rule.
    """
    if not _DAG_ID.fullmatch(dag_id):
        raise InvalidInputError(
            "dag_id must be 1 to 250 letters, digits, underscores, dots or dashes."
        )
    return dag_id


def check_file_name(file_name: str) -> str:
    """Return `file_name` if it is a plain name.

    Raises
    ------
    InvalidInputError
        The name is empty, too long, a path, or holds control characters.
    """
    if not file_name.strip():
        raise InvalidInputError("The file name is empty.")
    if len(file_name) > MAX_FILE_NAME_LENGTH:
        raise InvalidInputError(f"The file name is longer than {MAX_FILE_NAME_LENGTH} characters.")
    if not file_name.isprintable():
        raise InvalidInputError("The file name holds control or invisible characters.")
    if file_name in {".", ".."} or "/" in file_name or "\\" in file_name:
        raise InvalidInputError("The file name must be a plain name, not a path.")
    return file_name


def _is_id_of_key(text: str) -> bool:
    # People paste ids in all lower or all upper case. If we took mixed case too, we could not list
    # all data of a workflow to delete it.
    stored = normalize_id(text)
    return is_id(text) and text in (stored, stored.upper())


def _raw_name(file_name: str) -> str:
    extension = PurePosixPath(file_name).suffix.lstrip(".").lower()
    return f"raw.{extension if extension in _KNOWN_EXTENSIONS else 'bin'}"
