"""device-manager: what devices say on their sockets, and what clients read of it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from local.scanhub.models import BaseDevice, Device, DeviceTask, ItemStatus, TaskOut
from local.scanhub.store import Store, server_now

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

INVALID_RECORD = {"message": "Invalild record id for update_status scanning."}


def _feedback(text: str) -> Message:
    return {"command": "feedback", "message": text}


class DeviceManager:
    """The devices that are connected.

    A device's status is its own word, any word; device-manager itself writes ``disconnected``, when
    the socket closes. Nothing tells a device to stop.

    Parameters
    ----------
    is_token_valid
        Whether exam-manager would take a report with a token.
    """

    def __init__(self, store: Store, is_token_valid: Callable[[str], bool]) -> None:
        self._store = store
        self._is_token_valid = is_token_valid
        self._sockets: dict[str, Send] = {}

    def connect(self, device_id: str, send: Send) -> None:
        """Take a device's socket."""
        self._sockets[device_id] = send

    def register(self, data: Message, send: Send) -> Message:
        """Connect a device; of a known one nothing changes, not even ``disconnected``."""
        device = BaseDevice.model_validate(data)
        self.connect(device.id, send)
        if self._store.find(Device, device.id):
            return _feedback("Device already registered")
        self._store.put(Device(**device.model_dump(), datetime_created=server_now()))
        return _feedback("Device registered successfully")

    def update_status(self, message: Message) -> list[Message]:
        """Take a device's word and return what it is answered; ``scanning`` reports progress."""
        status = str(message.get("status"))
        changes = {"status": status, "datetime_updated": server_now()}
        if self._store.update(Device, str(message.get("device_id")), **changes) is None:
            return [{"message": "Device not registered"}]
        done = _feedback("Device status updated successfully")
        if status != "scanning":
            return [done]
        task = self._find_task(message)
        if task is None:
            return [INVALID_RECORD]
        # The original reads and writes the whole task, so that it may undo what others write.
        progress = int(message["data"]["progress"])
        told = {"status": ItemStatus.FINISHED} if progress == 100 else {}
        self._store.update(TaskOut, task.id, progress=progress, **told)
        return [done]

    def disconnect(self, device_id: str) -> None:
        """Write ``disconnected`` of a device whose socket has closed."""
        self.forget(device_id)
        changes = {"status": "disconnected", "datetime_updated": server_now()}
        self._store.update(Device, device_id, **changes)

    def forget(self, device_id: str) -> None:
        """Lose a socket as a killed device-manager does: the device's last word stays."""
        self._sockets.pop(device_id, None)

    async def start_scan(self, device_task: DeviceTask) -> None:
        """Hand a scan to a connected device, without waiting for the device's answer."""
        send = self._sockets.get(device_task.device_id)
        if send is None:
            raise HTTPException(503, "Device offline.")
        data = device_task.model_dump(mode="json", by_alias=True)
        await send({"command": "start", "data": data})

    def _find_task(self, message: Message) -> TaskOut | None:
        try:
            task_id = UUID(str(message.get("record_id")))
        except ValueError:
            return None
        is_valid = self._is_token_valid(str(message.get("user_access_token")))
        return self._store.find(TaskOut, task_id) if is_valid else None
