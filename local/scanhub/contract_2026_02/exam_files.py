"""exam-manager of 2026-02: sequences, the files of the volume, and its OpenAPI document."""

import io
import json
import re
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Form, HTTPException, Response, UploadFile
from fastapi.responses import FileResponse

from local.scanhub.contract_2026_02.models import MRISequence
from local.scanhub.dependencies import StandInDep, check_user
from local.scanhub.errors import UnhandledError
from local.scanhub.store import server_now

router = APIRouter(prefix="/api/v1/exam", dependencies=[Depends(check_user)])

DOCUMENT_ID = re.compile(r"[0-9a-fA-F]{24}")
DICOM = "application/dicom"
NO_STORE = {"Cache-Control": "no-store, no-cache, must-revalidate, no-transform"}


@router.get("/sequences/all")
def list_sequences(stand_in: StandInDep) -> list[MRISequence]:
    """Return all sequences."""
    return stand_in.store.select(MRISequence)


@router.get("/sequence/{sequence_id}")
def get_sequence(sequence_id: str, stand_in: StandInDep) -> MRISequence:
    """Return a sequence; a malformed id crashes the service."""
    if not DOCUMENT_ID.fullmatch(sequence_id):
        raise UnhandledError
    if (sequence := stand_in.store.find(MRISequence, sequence_id.lower())) is None:
        raise HTTPException(404, f"MRI sequence with ID {sequence_id} not found.")
    return sequence


@router.post("/sequence", status_code=201)
def upload_sequence(
    name: Annotated[str, Form()],
    seq_file: UploadFile,
    stand_in: StandInDep,
    xml_file: UploadFile | None = None,
    description: Annotated[str | None, Form()] = None,
    sequence_type: Annotated[str | None, Form()] = None,
    tags: Annotated[str | None, Form()] = None,
) -> MRISequence:
    """Take a sequence with its files, each with its suffix."""
    now = server_now()
    fields: dict[str, Any] = {"_id": uuid4().hex[:24], "name": name, "description": description}
    fields |= {"sequence_type": sequence_type, "tags": json.loads(tags) if tags else []}
    fields |= {"created_at": now, "updated_at": now}
    for field, file in (("seq_file", seq_file), ("xml_file", xml_file)):
        if file is not None:
            fields[field] = file.file.read().decode()
            fields[f"{field}_extension"] = Path(file.filename or "").suffix
    return stand_in.store.put(MRISequence.model_validate(fields))


@router.get("/dcm/{workflow_id}/{task_id}/{result_id}/{filename}")
def get_dcm(
    workflow_id: str, task_id: str, result_id: str, filename: str, stand_in: StandInDep
) -> Response:
    """Return a file of the volume, whatever the result says of it."""
    path, told = stand_in.volume.locate(workflow_id, task_id, result_id, filename)
    if not path.is_file():
        raise HTTPException(404, f"Dicom file does not exist: {told}")
    with path.open("rb") as file:
        is_part_10 = file.read(132).endswith(b"DICM")
    if is_part_10:
        return FileResponse(path, media_type=DICOM, filename=filename, headers=NO_STORE)
    disposition = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(_to_part_10(path), media_type=DICOM, headers=NO_STORE | disposition)


def find_mrd(workflow_id: str, task_id: str, result_id: str, stand_in: StandInDep) -> Path:
    """Return the first raw data file of a result's folder."""
    folder, _ = stand_in.volume.locate(workflow_id, task_id, result_id)
    if not (files := sorted(folder.glob("*.mrd"))):
        raise HTTPException(404, "MRD file not found")
    return files[0]


@router.get("/mrd/{workflow_id}/{task_id}/{result_id}/download")
def download_mrd(path: Annotated[Path, Depends(find_mrd)]) -> FileResponse:
    """Return the raw data."""
    return FileResponse(path, filename=path.name)


@router.get("/mrd/{workflow_id}/{task_id}/{result_id}/meta")
def get_mrd_meta(
    workflow_id: str, task_id: str, result_id: str, path: Annotated[Path, Depends(find_mrd)]
) -> dict[str, Any]:
    """Return what a viewer needs to know of the raw data; dwell time in microseconds."""
    # Imported late: hardly any stand-in needs it.
    import ismrmrd

    dataset = ismrmrd.Dataset(str(path), create_if_needed=False)
    try:
        heads = [
            dataset.read_acquisition(number).getHead()
            for number in range(dataset.number_of_acquisitions())
        ]
    finally:
        dataset.close()
    acquisitions = [
        {
            "acquisition_id": number,
            "num_samples": head.number_of_samples,
            "num_coils": head.active_channels,
            "dwell_time": head.sample_time_us,
        }
        for number, head in enumerate(heads)
    ]
    ids = {"workflow_id": workflow_id, "task_id": task_id, "result_id": result_id}
    return ids | {"dtype": "fc32", "acquisitions": acquisitions}


def _to_part_10(path: Path) -> bytes:
    # Imported late: hardly any file needs it, and every start would wait for it.
    import pydicom

    dataset, buffer = pydicom.dcmread(path, force=True), io.BytesIO()
    dataset.save_as(buffer, implicit_vr=True, little_endian=True, enforce_file_format=True)
    return buffer.getvalue()
