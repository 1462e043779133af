"""The simulated scanner in contract 2026-02: it reports, and sends its file to the volume."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from local.scanhub.contract_2026_02.device_manager import SocketDiesError
from local.scanhub.contract_2026_02.models import DeviceStatus
from local.scanhub.contract_2026_02.transfer import Message
from local.scanhub.scanner import (
    FileLostError,
    Order,
    ScanRecord,
    SimulatedScanner,
    SocketLostError,
)
from scanhub_workflow import ScanHubError

MAX_TRIES = 3
"""How often the SDK sends a file; each try that fails leaves a blank result."""


class Scanner2026(SimulatedScanner):
    """The scanner as ScanHub's SDK speaks in 2026-02.

    The file and the word that the scan is done are independent: either may come without the other.
    """

    def _read(self, message: Message) -> Order:
        data = message["data"]
        return Order(data["device_id"], UUID(data["id"]), data["access_token"])

    def _scan(self, task: Order, scan: ScanRecord) -> None:
        with tempfile.TemporaryDirectory(prefix="scanhub-scan-") as directory:
            path = Path(directory) / self.settings.file_name
            self._acquire(task, path)
            scan.state = "uploading"
            if self.settings.finishes_first:
                self._report(task, 100)
            lost = self._deliver(task, scan, path)
        if not self.settings.finishes_first:
            self._report(task, 100)
        if lost:
            self._tell_ready(task)
            raise FileLostError(lost)

    def _deliver(self, task: Order, scan: ScanRecord, path: Path) -> str | None:
        """Send the file to the volume, and as whoever reads it there to the workflow manager."""
        if not any(self._send(task, path) for _ in range(MAX_TRIES)):
            return "The file has not arrived."
        if self.settings.workflow_manager_url:
            try:
                scan.upload_id = self._upload(task, path)
            except (ScanHubError, OSError) as exc:
                return f"{type(exc).__name__}: {exc}"
        return None

    def _send(self, task: Order, path: Path) -> bool:
        content, fault = path.read_bytes(), self.faults.take_transfer_fault(task.device_id)
        checksum = hashlib.sha256(b"" if fault == "spoil_transfer" else content).hexdigest()
        message = self._name(task) | {"filename": path.name, "size_bytes": len(content)}
        try:
            transfer = self.devices.begin_transfer(message | {"sha256": checksum})
        except SocketDiesError:
            self.devices.break_socket(task.device_id)
            raise SocketLostError("The token of the start is dead.") from None
        half = len(content) // 2
        transfer.write(content[:half])
        self._stopping.wait(self.settings.transfer_duration_s)
        if fault == "break_transfer":
            return False
        transfer.write(content[half:])
        return "result_id" in transfer.finish()

    def _tell_ready(self, task: Order) -> None:
        self._say(task, DeviceStatus.ONLINE)

    def _tell_end(self, task: Order, scan: ScanRecord, error: str) -> None:
        self._say(task, DeviceStatus.ERROR, {"error_message": error}, self._name(task))
        self._tell_ready(task)

    def _report(self, task: Order, progress: int) -> None:
        self._say(task, DeviceStatus.BUSY, {"progress": progress}, self._name(task))

    def _name(self, task: Order) -> dict[str, Any]:
        record = {"task_id": str(task.record_id), "user_access_token": task.user_access_token}
        return record | {"device_id": task.device_id}

    def _say(
        self,
        task: Order,
        status: str,
        data: Message | None = None,
        record: Message | None = None,
    ) -> None:
        message = {"command": "update_status", "status": status, "data": data}
        self.devices.update_status(task.device_id, message | (record or {}))
