"""patient-manager and sequence-manager, and the readiness of all."""

import json
import re
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, HTTPException, UploadFile

from local.scanhub.dependencies import StandInDep, check_user
from local.scanhub.models import BasePatient, MRISequence, PatientOut
from local.scanhub.store import server_now

sequences = APIRouter(prefix="/api/v1/mri/sequences", dependencies=[Depends(check_user)])

DOCUMENT_ID = re.compile(r"[0-9a-fA-F]{24}")


def make_readiness(*services: str) -> APIRouter:
    """Return the routes that tell whether services have their databases."""
    public = APIRouter(prefix="/api/v1")
    for service in services:
        public.add_api_route(f"/{service}/health/readiness", check_readiness)
    return public


def check_readiness() -> dict[str, str]:
    """Answer as soon as the databases are there."""
    return {"status": "ok"}


def make_patients(base: Any, model: Any) -> APIRouter:
    """Return the routes of patient-manager for the models of a contract."""
    patients = APIRouter(prefix="/api/v1/patient", dependencies=[Depends(check_user)])

    @patients.get("/", response_model=list[model])
    def list_patients(stand_in: StandInDep) -> Any:
        return stand_in.store.select(model)

    @patients.post("/", status_code=201, response_model=model)
    def create_patient(patient: base, stand_in: StandInDep) -> Any:
        return stand_in.store.add(model, patient)

    @patients.get("/{patient_id}", response_model=model)
    def get_patient(patient_id: UUID, stand_in: StandInDep) -> Any:
        if (patient := stand_in.store.find(model, patient_id)) is None:
            raise HTTPException(404, "Patient not found")
        return patient

    return patients


public = make_readiness("device", "exam", "patient", "userlogin")
public.add_api_route("/mri/sequences/health", check_readiness)
patients = make_patients(BasePatient, PatientOut)


@sequences.get("/")
def list_sequences(stand_in: StandInDep) -> list[MRISequence]:
    """Return all sequences."""
    return stand_in.store.select(MRISequence)


@sequences.post("/upload", status_code=201)
def upload_sequence(
    name: Annotated[str, Form()],
    file: UploadFile,
    stand_in: StandInDep,
    description: Annotated[str | None, Form()] = None,
    sequence_type: Annotated[str | None, Form()] = None,
    tags: Annotated[str | None, Form()] = None,
) -> MRISequence:
    """Take a sequence file; its extension is the suffix of its name, with the dot."""
    now = server_now()
    fields: dict[str, Any] = {"_id": uuid4().hex[:24], "name": name, "description": description}
    fields |= {"sequence_type": sequence_type, "tags": json.loads(tags) if tags else []}
    fields |= {"created_at": now, "updated_at": now, "file": file.file.read().decode()}
    fields["file_extension"] = Path(file.filename or "").suffix
    return stand_in.store.put(MRISequence.model_validate(fields))


@sequences.get("/{sequence_id}")
def get_sequence(sequence_id: str, stand_in: StandInDep) -> MRISequence:
    """Return a sequence; a malformed id is a server error, as it was in the original."""
    if not DOCUMENT_ID.fullmatch(sequence_id):
        text = "is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"
        raise HTTPException(500, f"{sequence_id!r} {text}")
    if (sequence := stand_in.store.find(MRISequence, sequence_id.lower())) is None:
        raise HTTPException(404, "MRI sequence not found")
    return sequence
