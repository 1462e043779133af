"""The stand-in's own control API: seed, switches and records; ScanHub has none of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, HTTPException
from pydantic import BaseModel, ConfigDict

from local.scanhub.dependencies import StandInDep
from local.scanhub.faults import Fault
from local.scanhub.seed import DEFAULT_TASKS, TaskSpec

PATH = "/_control"
router = APIRouter(prefix=PATH)


class WorkflowRequest(BaseModel):
    """A workflow to make; without ``tasks`` a copy of the seeded one.

    The words are those of 2025-03 in every contract; exam-manager has the tasks in its own shape.
    """

    model_config = ConfigDict(extra="forbid")

    tasks: list[TaskSpec] | None = None
    device_id: str | None = None
    is_template: bool = False


class DeviceRequest(BaseModel):
    """A device; without an address, the simulated scanner's.

    Attributes
    ----------
    status
        ``disconnected`` and ``offline``, in 2026-02 ``OFFLINE``, take it off its socket. ``None``:
        a new device is ``ready`` or ``ONLINE``, a known one opens its socket again and says nothing
        yet.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    ip_address: str | None = None
    status: str | None = None


class ScannerRequest(BaseModel):
    """Settings of the simulated scanner to change; ``None`` leaves one as it is."""

    model_config = ConfigDict(extra="forbid")

    workflow_manager_url: str | None = None
    scan_duration_s: float | None = None
    transfer_duration_s: float | None = None
    finishes_first: bool | None = None
    file_name: str | None = None


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
    contract = stand_in.contract
    if any(task.id and stand_in.store.find(contract.task, task.id) for task in tasks):
        raise HTTPException(409, "A task of this id exists.")
    return contract.seed_workflow(
        stand_in.store,
        stand_in.seed.exam_id,
        tasks,
        device_id=request.device_id or stand_in.seed.device_id,
        is_template=request.is_template,
    ).to_json()


@router.post("/devices", status_code=201)
def register_device(request: DeviceRequest, stand_in: StandInDep) -> Any:
    """Register a device, or change a known one, for example to ``disconnected``."""
    known = stand_in.find_device(request.id)
    if known and request.status is None:
        stand_in.devices.connect(str(known.id), stand_in.scanner.take)
        return known
    return stand_in.add_device(**request.model_dump(exclude_none=True))


@router.put("/scanner")
def configure_scanner(request: ScannerRequest, stand_in: StandInDep) -> dict[str, Any]:
    """Change the scanner's settings: the API's URL is known only after its deployment."""
    settings = stand_in.scanner.settings
    for name, value in request.model_dump(exclude_none=True).items():
        setattr(settings, name, value)
    return {name: getattr(settings, name) for name in ScannerRequest.model_fields}


@router.post("/faults", status_code=201)
def create_fault(fault: Fault, stand_in: StandInDep) -> list[Fault]:
    """Switch a fault on and return all that are on."""
    stand_in.faults.add(fault)
    return stand_in.faults.list_active()


@router.get("/{what}")
def show(what: Literal["scans", "faults", "requests"], stand_in: StandInDep) -> Any:
    """Return the scans by task id, the faults that are on, or the requests, oldest first."""
    faults, recorder = stand_in.faults.list_active, stand_in.recorder.to_json
    return {"scans": stand_in.scanner.list_scans, "faults": faults, "requests": recorder}[what]()


@router.delete("/{what}", status_code=204)
def clear(what: Literal["faults", "requests", "tokens"], stand_in: StandInDep) -> None:
    """Switch all faults off, forget all requests, or end all sessions as if they had expired."""
    faults, recorder = stand_in.faults.clear, stand_in.recorder.clear
    {"faults": faults, "requests": recorder, "tokens": stand_in.accounts.log_out}[what]()
