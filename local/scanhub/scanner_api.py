"""The simulated scanner's own endpoint; generation A knows no authentication of devices."""

from fastapi import APIRouter, HTTPException

from local.scanhub.dependencies import StandInDep
from local.scanhub.models import DeviceTask
from local.scanhub.scanner import ScannerBusyError

router = APIRouter()


@router.post("/api/start-scan")
def start_scan(device_task: DeviceTask, stand_in: StandInDep) -> dict[str, str]:
    """Begin a scan and answer at once; 409 while the device scans."""
    try:
        stand_in.scanner.start(device_task)
    except ScannerBusyError as exc:
        raise HTTPException(409, "The scanner is busy.") from exc
    return {"message": "Scan started."}
