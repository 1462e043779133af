"""The stand-in's own control API: seed, switches and records; ScanHub has none of it."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict

from local.scanhub.dependencies import StandInDep
from local.scanhub.faults import Fault
from local.scanhub.models import Device
from local.scanhub.seed import DEFAULT_TASKS, TaskSpec, make_device, seed_workflow

router = APIRouter(prefix="/_control")


class WorkflowRequest(BaseModel):
    """A workflow to make; without ``tasks`` a copy of the seeded one."""

    model_config = ConfigDict(extra="forbid")

    tasks: list[TaskSpec] | None = None
    device_id: str | None = None
    is_template: bool = False


class DeviceRequest(BaseModel):
    """A device to register; without an address, the simulated scanner's."""

    model_config = ConfigDict(extra="forbid")

    id: str
    ip_address: str | None = None
    status: str = "ready"


class ScannerRequest(BaseModel):
    """Settings of the simulated scanner to change; ``None`` leaves one as it is."""

    model_config = ConfigDict(extra="forbid")

    workflow_manager_url: str | None = None
    scan_duration_s: float | None = None


@router.get("/ready")
def check_ready() -> dict[str, str]:
    """Answer as soon as the stand-in serves."""
    return {"status": "ok"}


@router.get("/seed")
def get_seed(stand_in: StandInDep) -> dict[str, Any]:
    """Return the seeded ids and the users who may log in."""
    return {**stand_in.seed.to_json(), **stand_in.credentials}


@router.post("/workflows", status_code=201)
def create_workflow(
    stand_in: StandInDep, request: Annotated[WorkflowRequest | None, Body()] = None
) -> dict[str, Any]:
    """Make a workflow with new ids in the seeded exam and return the ids."""
    request = request or WorkflowRequest()
    tasks = DEFAULT_TASKS if request.tasks is None else request.tasks
    if any(task.id and stand_in.store.find_task(task.id) for task in tasks):
        raise HTTPException(409, "A task of this id exists.")
    return seed_workflow(
        stand_in.store,
        stand_in.seed.exam_id,
        tasks,
        device_id=request.device_id or stand_in.seed.device_id,
        is_template=request.is_template,
    ).to_json()


@router.post("/devices", status_code=201)
def register_device(request: DeviceRequest, stand_in: StandInDep) -> Device:
    """Register a device, or change a known one, for example to ``disconnected``."""
    address = request.ip_address or stand_in.scanner_address
    device = make_device(request.id, address, request.status)
    stand_in.store.put_device(device)
    return device


@router.put("/scanner")
def configure_scanner(request: ScannerRequest, stand_in: StandInDep) -> dict[str, Any]:
    """Change the scanner's settings: the API's URL is known only after its deployment."""
    settings = stand_in.scanner.settings
    if request.workflow_manager_url is not None:
        settings.workflow_manager_url = request.workflow_manager_url
    if request.scan_duration_s is not None:
        settings.scan_duration_s = request.scan_duration_s
    return {
        "workflow_manager_url": settings.workflow_manager_url,
        "scan_duration_s": settings.scan_duration_s,
    }


@router.get("/scans")
def list_scans(stand_in: StandInDep) -> dict[str, dict[str, Any]]:
    """Return what happened to the scans, by task id."""
    return stand_in.scanner.list_scans()


@router.post("/faults", status_code=201)
def create_fault(fault: Fault, stand_in: StandInDep) -> list[Fault]:
    """Switch a fault on and return all that are on."""
    stand_in.faults.add(fault)
    return stand_in.faults.list_active()


@router.get("/faults")
def list_faults(stand_in: StandInDep) -> list[Fault]:
    """Return the faults that are on."""
    return stand_in.faults.list_active()


@router.delete("/faults", status_code=204)
def clear_faults(stand_in: StandInDep) -> None:
    """Switch all faults off."""
    stand_in.faults.clear()


@router.get("/requests")
def list_requests(stand_in: StandInDep) -> list[dict[str, Any]]:
    """Return the requests of all services, oldest first."""
    return stand_in.recorder.to_json()


@router.delete("/requests", status_code=204)
def clear_requests(stand_in: StandInDep) -> None:
    """Forget all requests."""
    stand_in.recorder.clear()


@router.delete("/tokens", status_code=204)
def expire_tokens(stand_in: StandInDep) -> None:
    """End all sessions, as if every token had expired."""
    stand_in.accounts.log_out_all()
