"""patient-manager, sequence-manager and device-manager."""

import re
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request

from local.scanhub.dependencies import StandInDep, check_user
from local.scanhub.models import Device, DeviceTask, MRISequence, PatientOut
from local.scanhub.scanner import ScannerBusyError

patients = APIRouter(prefix="/api/v1/patient", dependencies=[Depends(check_user)])
sequences = APIRouter(prefix="/api/v1/mri/sequences", dependencies=[Depends(check_user)])
devices = APIRouter(prefix="/api/v1/device", dependencies=[Depends(check_user)])

OFFLINE_STATUSES = ("disconnected", "offline")
DOCUMENT_ID = re.compile(r"[0-9a-fA-F]{24}")


@patients.get("/{patient_id}")
def get_patient(patient_id: UUID, stand_in: StandInDep) -> PatientOut:
    """Return a patient."""
    if (patient := stand_in.store.find_patient(patient_id)) is None:
        raise HTTPException(404, "Patient not found")
    return patient


@sequences.get("/{sequence_id}")
def get_sequence(sequence_id: str, stand_in: StandInDep) -> MRISequence:
    """Return a sequence; a malformed id is a server error, as it was in the original."""
    if not DOCUMENT_ID.fullmatch(sequence_id):
        text = "is not a valid ObjectId, it must be a 12-byte input or a 24-character hex string"
        raise HTTPException(500, f"{sequence_id!r} {text}")
    if (sequence := stand_in.store.find_sequence(sequence_id.lower())) is None:
        raise HTTPException(404, "MRI sequence not found")
    return sequence


@devices.post("/start_scan_via_websocket")
def start_scan_via_websocket(device_task: DeviceTask, stand_in: StandInDep) -> None:
    """Hand a scan to a connected device, without waiting for the device's answer."""
    device = stand_in.store.find_device(device_task.device_id)
    if device is None or device.status in OFFLINE_STATUSES:
        raise HTTPException(503, "Device offline.")
    try:
        stand_in.scanner.start(device_task)
    except ScannerBusyError:
        return  # the socket knows no refusal; the scanner counts it


@devices.get("/{device_id}/ip_address")
def get_ip_address(device_id: str, stand_in: StandInDep, request: Request) -> dict[str, str]:
    """Return the address at which a device answers."""
    address = get_device(device_id, stand_in).ip_address
    # A container reaches the simulated scanner at another address, that of its own request.
    return {"ip_address": request.url.netloc if address == stand_in.scanner_address else address}


@devices.get("/{device_id}")
def get_device(device_id: str, stand_in: StandInDep) -> Device:
    """Return a device."""
    if (device := stand_in.store.find_device(device_id)) is None:
        raise HTTPException(404, "Device not found")
    return device
