"""Take a small file in the request itself."""

from dataclasses import dataclass

from ulid import ULID

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import check_file_name, dag_data_key
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import InvalidInputError, PayloadTooLargeError
from workflow_manager.ports import DataLake, Orchestrator
from workflow_manager.steps.runs.check_dag import check_dag

MAX_FILE_SIZE_BYTES = 4 * 2**20


@dataclass(frozen=True)
class TriggeredUpload:
    """The stored file, and the id of the run that S3's event will start."""

    dag_id: str
    dag_run_id: str
    upload_id: str


def upload_and_trigger(
    lake: DataLake,
    orchestrator: Orchestrator,
    dag_id: str,
    file_name: str,
    body: bytes,
    cause: Cause,
) -> TriggeredUpload:
    """Put the file into the data lake; S3's event triggers the DAG.

    Raises
    ------
    InvalidInputError
        The file is empty, or its name or the DAG's id is not allowed.
    PayloadTooLargeError
        The file is larger than a function can take; ``POST /uploads/`` takes any size.
    """
    check_file_name(file_name)
    if not body:
        raise InvalidInputError("The file is empty.")
    if len(body) > MAX_FILE_SIZE_BYTES:
        raise PayloadTooLargeError("The file is larger than 4 MiB: use POST /uploads/ instead.")
    check_dag(orchestrator, dag_id)
    upload_id = str(ULID.from_datetime(cause.at))
    key = dag_data_key(dag_id, upload_id, file_name)
    data = lake.put(key, body, "application/octet-stream", cause.trace)
    return TriggeredUpload(dag_id, object_dag_run_id(data), upload_id)
