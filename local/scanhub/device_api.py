"""The endpoints of device-manager and of the simulated scanner."""

from fastapi import APIRouter, Depends, HTTPException, Request, WebSocket, WebSocketDisconnect

from local.scanhub.dependencies import StandInDep, check_user
from local.scanhub.device_manager import DeviceManager, Message
from local.scanhub.models import Device, DeviceTask
from local.scanhub.scanner import Order, ScannerBusyError

public = APIRouter()
router = APIRouter(prefix="/api/v1/device", dependencies=[Depends(check_user)])


@public.post("/api/start-scan")
def start_scan(device_task: DeviceTask, stand_in: StandInDep) -> dict[str, str]:
    """Begin a scan on the simulated scanner and answer at once; 409 while the device scans."""
    try:
        order = Order(device_task.device_id, device_task.record_id, device_task.user_access_token)
        stand_in.scanner.start(order)
    except ScannerBusyError as exc:
        raise HTTPException(409, "The scanner is busy.") from exc
    return {"message": "Scan started."}


@public.websocket("/api/v1/device/ws2")
async def serve_device(websocket: WebSocket, stand_in: StandInDep) -> None:
    """Talk to a device; generation A knows no authentication of devices."""
    await websocket.accept()
    device_id = ""
    try:
        while True:
            message = await websocket.receive_json()
            for answer in _answer(message, websocket, device_id, stand_in.devices):
                await websocket.send_json(answer)
            if message.get("command") == "register":
                device_id = device_id or message["data"]["id"]
    except WebSocketDisconnect:
        stand_in.devices.disconnect(device_id)


def _answer(
    message: Message, websocket: WebSocket, device_id: str, devices: DeviceManager
) -> list[Message]:
    match message.get("command"):
        case "register" if device_id:
            text = "In this session a device already was registered."
            return [{"message": f"Error registering device. {text}"}]
        case "register":
            return [devices.register(message["data"], websocket.send_json)]
        case "update_status" if device_id not in ("", message.get("device_id")):
            return [{"message": "Error updating device. Device ID does not match"}]
        case "update_status":
            return devices.update_status(message)
    return []


@router.post("/start_scan_via_websocket")
async def start_scan_via_websocket(device_task: DeviceTask, stand_in: StandInDep) -> None:
    """Hand a scan to a connected device, whatever its status says."""
    await stand_in.devices.start_scan(device_task)


@router.get("/")
def list_devices(stand_in: StandInDep) -> list[Device]:
    """Return all devices."""
    return stand_in.store.select(Device)


@router.get("/{device_id}")
def get_device(device_id: str, stand_in: StandInDep) -> Device:
    """Return a device."""
    if (device := stand_in.store.find(Device, device_id)) is None:
        raise HTTPException(404, "Device not found")
    return device


@router.get("/{device_id}/status")
def get_status(device_id: str, stand_in: StandInDep) -> dict[str, str]:
    """Return a device's last word."""
    return {"status": get_device(device_id, stand_in).status}


@router.get("/{device_id}/ip_address")
def get_ip_address(device_id: str, stand_in: StandInDep, request: Request) -> dict[str, str]:
    """Return the address at which a device answers."""
    address = get_device(device_id, stand_in).ip_address
    # A container reaches the simulated scanner at another address, that of its own request.
    return {"ip_address": request.url.netloc if address == stand_in.scanner_address else address}


@router.delete("/{device_id}", status_code=204)
def delete_device(device_id: str, stand_in: StandInDep) -> None:
    """Delete a device; its socket stays, and so do its starts."""
    if not stand_in.store.delete(Device, device_id):
        raise HTTPException(404, "Device not found")
