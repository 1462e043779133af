"""device-manager of 2026-02: what devices say on their sockets."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import HTTPException

from local.scanhub.contract_2026_02.models import (
    BaseDevice,
    BlankResult,
    Device,
    DeviceStatus,
    ItemStatus,
    MRISequence,
    ResultOut,
    ScanOrder,
    TaskOut,
)
from local.scanhub.contract_2026_02.transfer import Message, Transfer, feedback
from local.scanhub.errors import UnhandledError
from local.scanhub.store import Store
from local.scanhub.volume import Volume

Send = Callable[[Message], Awaitable[None]]

NO_TASK = "Missing task_id or user_access_token for task update."


class SocketDiesError(Exception):
    """device-manager crashes on a message, and the socket is gone without a word."""


class DeviceManager:
    """The devices that are connected; a status is ``ONLINE`` or ``OFFLINE`` by socket or word.

    Parameters
    ----------
    is_token_valid
        Whether exam-manager would take a report with a token.
    """

    def __init__(self, store: Store, is_token_valid: Callable[[str], bool], volume: Volume) -> None:
        self._store = store
        self._is_token_valid = is_token_valid
        self._volume = volume
        self._sockets: dict[str, Send] = {}
        self._dead: set[str] = set()

    def connect(self, device_id: str, send: Send) -> None:
        """Take a device's socket."""
        self._sockets[device_id] = send
        self._dead.discard(device_id)

    def register(self, device_id: str, data: Message) -> Message:
        """Write what a device says of itself, which resets what it leaves out; it is online."""
        told = BaseDevice.model_validate(data).model_dump()
        self._write(device_id, status=DeviceStatus.ONLINE, **told)
        return feedback("Device registered successfully")

    def disconnect(self, device_id: str) -> None:
        """Write that a device is offline, whose socket has closed."""
        self.forget(device_id)
        self._write(device_id, status=DeviceStatus.OFFLINE)

    def forget(self, device_id: str) -> None:
        """Lose a socket as a killed device-manager does: the device's last word stays."""
        self._sockets.pop(device_id, None)
        self._dead.discard(device_id)

    def break_socket(self, device_id: str) -> None:
        """Lose a socket unseen: the device stays as it was, and each start crashes."""
        self._dead.add(device_id)

    def update_status(self, device_id: str, message: Message) -> Message:
        """Take a device's word, and with it the progress of its task."""
        word = str(message.get("status"))
        if word not in list(DeviceStatus):
            return feedback(f"Invalid status: {word}")
        status = DeviceStatus(word)
        self._write(device_id, status=status)
        if status in (DeviceStatus.ONLINE, DeviceStatus.OFFLINE):
            return feedback(f"Device {status} acknowledged.")
        if not (message.get("task_id") and message.get("user_access_token")):
            return feedback(NO_TASK)
        if (task := self._find_task(message)) is None:
            return feedback("Error fetching task: 404: Task not found")
        progress = task.progress
        told = ItemStatus.ERROR
        if status is DeviceStatus.BUSY:
            progress = min(max(int((message.get("data") or {}).get("progress", 0)), 0), 100)
            told = ItemStatus.FINISHED if progress == 100 else ItemStatus.INPROGRESS
        # The original reads and writes the whole task, so that it may undo what others write.
        self._store.update(TaskOut, task.id, status=told, progress=progress)
        return feedback(f"Device {status} update processed (progress={progress}%).")

    def begin_transfer(self, message: Message) -> Transfer:
        """Make the blank result of a file that comes, which stays if the file does not.

        Raises
        ------
        SocketDiesError
            The token is dead, or there is no such task.
        """
        if (task := self._find_task(message)) is None:
            raise SocketDiesError
        result = self._store.add(ResultOut, BlankResult(task_id=task.id))
        parts = (task.workflow_id or "None", task.id, result.id)
        return Transfer(self._store, self._volume, message, parts)

    async def start_scan(self, order: ScanOrder, token: str) -> None:
        """Hand a scan to a connected device, without waiting for the device's answer."""
        _refuse_if(not order.sequence_id, 404, "Missing sequence ID")
        _refuse_if(order.device_id is None, 404, "Missing device ID")
        is_valid = self._is_token_valid(token)
        sequence = self._store.find(MRISequence, order.sequence_id) if is_valid else None
        _refuse_if(sequence is None, 404, "Sequence not found")
        _refuse_if(self._store.find(Device, order.device_id) is None, 404, "Device not found")
        send = self._sockets.get(str(order.device_id))
        if send is None:
            raise HTTPException(503, "Device offline.")
        if str(order.device_id) in self._dead or sequence is None:
            raise UnhandledError
        data = order.model_dump(mode="json")
        data |= {"sequence": sequence.model_dump(mode="json", by_alias=True)}
        data |= {"mrd_header": "", "access_token": token, "device_parameter": {}}
        await send({"command": "start", "data": data})

    def _write(self, device_id: str, **columns: Any) -> None:
        self._store.update(Device, UUID(device_id), **columns)

    def _find_task(self, message: Message) -> TaskOut | None:
        try:
            task_id = UUID(str(message.get("task_id")))
        except ValueError:
            return None
        is_valid = self._is_token_valid(str(message.get("user_access_token")))
        return self._store.find(TaskOut, task_id) if is_valid else None


def _refuse_if(is_wrong: bool, status: int, text: str) -> None:
    if is_wrong:
        raise HTTPException(status, text)
