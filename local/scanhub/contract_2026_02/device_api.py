"""The endpoints of device-manager of 2026-02, and the socket of its devices."""

import json
import secrets
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, HTTPException, Response, WebSocket
from starlette.websockets import WebSocketDisconnect

from local.scanhub.contract_2026_02.device_manager import DeviceManager, SocketDiesError
from local.scanhub.contract_2026_02.models import Device, DeviceOut, NewDevice, ScanOrder
from local.scanhub.contract_2026_02.transfer import Message, feedback
from local.scanhub.dependencies import StandInDep, check_user, refuse_user
from local.scanhub.exam_items import UNKNOWN
from local.scanhub.store import server_now

public = APIRouter(prefix="/api/v1/device")
router = APIRouter(prefix="/api/v1/device", dependencies=[Depends(check_user)])

TOKEN_LENGTH_BYTES = 1024  # 2048 hexadecimal characters


def read_bearer(authorization: Annotated[str | None, Header()] = None) -> str:
    """Return the caller's token, whatever it is: nobody looks whether it is valid."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        refuse_user("Not authenticated")
    return token.strip()


@public.post("/start_scan_via_websocket")
async def start_scan_via_websocket(
    token: Annotated[str, Depends(read_bearer)], order: ScanOrder, stand_in: StandInDep
) -> None:
    """Hand a scan to a connected device, whatever its status says."""
    await stand_in.devices.start_scan(order, token)


@public.websocket("/ws")
async def serve_device(websocket: WebSocket, stand_in: StandInDep) -> None:
    """Talk to a device that shows its id and its token."""
    await websocket.accept()
    devices: DeviceManager = stand_in.devices
    device_id = websocket.headers.get("Device-Id", "")
    if refusal := _refuse_device(device_id, websocket.headers.get("Device-Token", ""), stand_in):
        await websocket.close(1008, refusal)
        return
    is_deaf = False
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
            if text := message.get("text") if not is_deaf else None:
                is_deaf = not await _answer(json.loads(text), websocket, device_id, devices)
    except WebSocketDisconnect:
        pass
    if not is_deaf:
        devices.disconnect(device_id)


def _refuse_device(device_id: str, token: str, stand_in: Any) -> str | None:
    try:
        device = stand_in.store.find(Device, UUID(device_id))
    except ValueError:
        return "Invalid device_id"
    is_known = device is not None and secrets.compare_digest(device.token, token)
    return None if is_known and token else "Invalid device_id or device_token"


async def _answer(
    message: Message, websocket: WebSocket, device_id: str, devices: DeviceManager
) -> bool:
    """Answer a device, and return whether it is still heard."""
    match message.get("command"):
        case "register":
            devices.connect(device_id, websocket.send_json)
            await websocket.send_json(devices.register(device_id, message["data"]))
        case "ping":
            await websocket.send_json({"command": "pong"})
        case "update_status":
            await websocket.send_json(devices.update_status(device_id, message))
        case "file-transfer":
            return await _take_file(message, websocket, device_id, devices)
        case other:
            await websocket.send_json(feedback(f"Unknown command: {other}"))
    return True


async def _take_file(
    message: Message, websocket: WebSocket, device_id: str, devices: DeviceManager
) -> bool:
    try:
        transfer = devices.begin_transfer(message | {"device_id": device_id})
    except SocketDiesError:
        devices.break_socket(device_id)
        return False
    while transfer.n_missing_bytes > 0:
        # What a device says in between is swallowed, unanswered.
        frame = await websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        transfer.write(frame.get("bytes") or b"")
    await websocket.send_json(transfer.finish())
    return True


@router.post("/createdevice")
def create_device(new: NewDevice, stand_in: StandInDep) -> Response:
    """Make a device and hand out its token, this once."""
    token = secrets.token_hex(TOKEN_LENGTH_BYTES)
    device = Device(**new.model_dump(), token=token, datetime_created=server_now())
    stand_in.store.put(device)
    content = {"device_id": str(device.id), "device_token": token}
    headers = {"Content-Disposition": 'attachment; filename="device_credentials.json"'}
    return Response(json.dumps(content), media_type="application/json", headers=headers)


@router.get("/", response_model=list[DeviceOut])
def list_devices(stand_in: StandInDep) -> Any:
    """Return all devices."""
    return stand_in.store.select(Device)


@router.get("/{device_id}", response_model=DeviceOut)
def get_device(device_id: UUID, stand_in: StandInDep) -> Any:
    """Return a device."""
    if (device := stand_in.store.find(Device, device_id)) is None:
        raise HTTPException(404, "Device not found")
    return device


@router.put("/parameter/{device_id}", response_model=DeviceOut)
def set_parameter(device_id: UUID, parameter: dict[str, Any], stand_in: StandInDep) -> Any:
    """Write what a device is calibrated to."""
    device = stand_in.store.update(Device, device_id, parameter=parameter)
    if device is None:
        raise HTTPException(404, UNKNOWN.format("update", "exam"))
    return device
