"""Find the image of a result, for a viewer that knows exam-manager's id of it."""

from workflow_manager.domain.download import download_name, find_signable_key
from workflow_manager.domain.errors import NeighbourRefusedError, NotFoundError
from workflow_manager.domain.exam import ExamResult, ResultType
from workflow_manager.domain.ids import is_uuid
from workflow_manager.domain.result import result_type_of
from workflow_manager.domain.told_run import flat_name
from workflow_manager.ports import DataLake, ExamClient

DICOM_MEDIA_TYPE = "application/dicom"


def get_dicom(
    lake: DataLake, exam: ExamClient, result_id: str, file_name: str | None = None
) -> str:
    """Return a URL that gives a result's DICOM file by GET, without a token.

    Parameters
    ----------
    file_name
        Of a result of several files, the one that is called so in one folder; None: one of them.

    Raises
    ------
    NotFoundError
        There is no such result, or it is no DICOM file in the data lake (any more).
    """
    result = _find_result(exam, result_id)
    path = result.filename if file_name is None else _find_file(result, file_name)
    key = find_signable_key(lake.bucket, result.directory, path)
    # Not by HEAD: without the right to list the whole bucket, S3 answers 403 for a missing object.
    if (
        key is None
        or result.type != ResultType.DICOM
        or [each.key for each in lake.list_objects(key, 1)] != [key]
    ):
        raise NotFoundError(f"Could not find DICOM file of result with ID: {result_id}.")
    return lake.presign_download(key, download_name(key.split("/")[1], key), DICOM_MEDIA_TYPE)


def _find_file(result: ExamResult, file_name: str) -> str:
    files = [each for each in result.files or (result.filename,) if flat_name(each) == file_name]
    # A name that is none of the result's leads nowhere.
    return next((each for each in files if result_type_of(each) is ResultType.DICOM), "")


def _find_result(exam: ExamClient, result_id: str) -> ExamResult:
    try:
        if is_uuid(result_id):
            return exam.get_result(result_id)
    except NeighbourRefusedError as error:
        if error.status != 404:
            raise
    raise NotFoundError(f"Could not find result with ID {result_id}.")
