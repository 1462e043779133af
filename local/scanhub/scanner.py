"""The simulated scanner: takes a start order, acquires a phantom, uploads the raw data."""

import tempfile
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from local.scanhub.accounts import Accounts
from local.scanhub.device_manager import Message
from local.scanhub.faults import FaultBoard
from local.scanhub.models import DeviceTask
from scanhub_workflow import Client, ScanHubError

PROGRESS_WHILE_SCANNING = range(10, 91, 10)
PROGRESS_AT_FAULT = 50
FILE_NAME = "phantom.h5"
STOP_TIMEOUT_S = 0.5

Acquire = Callable[[Path], None]


@dataclass(frozen=True)
class Order:
    """What the scanner is told; ``record_id`` is the id of the task."""

    device_id: str
    record_id: UUID
    user_access_token: str


class ScannerBusyError(Exception):
    """The device is scanning, or the scanner is shutting down."""


class ScanFailedError(Exception):
    """A scan failed."""


class SocketLostError(Exception):
    """Nobody hears the device any more."""


class FileLostError(Exception):
    """The scan is over and told so, but its file is nowhere."""


@dataclass
class ScanRecord:
    """What happened to the scan of one task; state, error and upload are those of the last start.

    Starts are orders that the scanner carried out; it refuses some while it is scanning.
    """

    n_starts: int = 0
    n_refused: int = 0
    state: str = "idle"  # or waiting, scanning, uploading, finished, failed
    error: str | None = None
    upload_id: str | None = None


def acquire_phantom(path: Path) -> None:
    """Write a noisy multi-coil acquisition of a phantom as an ISMRMRD file."""
    # Imported late: the other services must not wait for the numerics to load.
    from local.phantom import simulate_acquisition

    simulate_acquisition(path)


@dataclass(kw_only=True)
class ScannerSettings:
    """How the scanner behaves; tests replace the phantom and the network.

    Attributes
    ----------
    workflow_manager_url
        Which takes the data; may be set later. In contract 2026-02 the file goes to the volume
        first, and nowhere else without it.
    scan_duration_s
        Without the upload.
    transfer_duration_s, finishes_first
        Of contract 2026-02: how long the file grows on the volume [s], and whether the device says
        that it is done before it sends the file.
    """

    workflow_manager_url: str = ""
    scan_duration_s: float = 3.0
    transfer_duration_s: float = 0.0
    finishes_first: bool = False
    file_name: str = FILE_NAME
    acquire: Acquire = acquire_phantom
    transport: httpx.BaseTransport | None = None


@dataclass
class SimulatedScanner:
    """One scanner for all devices of the stand-in; a device makes one scan at a time.

    It speaks to device-manager as ScanHub's SDK does on its socket: here, in contract 2025-03.
    """

    settings: ScannerSettings
    devices: Any
    accounts: Accounts
    faults: FaultBoard
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _scans: dict[UUID, ScanRecord] = field(default_factory=lambda: defaultdict(ScanRecord))
    _running: dict[str, threading.Thread] = field(default_factory=dict)
    _waiting: dict[str, deque[Order]] = field(default_factory=lambda: defaultdict(deque))

    def start(self, task: Order) -> None:
        """Begin a scan in the background; the order's token serves for the upload.

        Raises
        ------
        ScannerBusyError
            The device is scanning already.
        """
        with self._lock:
            if task.device_id in self._running or self._stopping.is_set():
                self._scans[task.record_id].n_refused += 1
                raise ScannerBusyError(task.device_id)
            self._begin(task)

    async def take(self, message: Message) -> None:
        """Begin a scan that came over the socket, or let it wait until the one before is over."""
        task = self._read(message)
        with self._lock:
            if task.device_id in self._running:
                self._scans[task.record_id].state = "waiting"
                self._waiting[task.device_id].append(task)
            elif not self._stopping.is_set():
                self._begin(task)

    def _read(self, message: Message) -> Order:
        task = DeviceTask.model_validate(message["data"])
        return Order(task.device_id, task.record_id, task.user_access_token)

    def stop(self) -> None:
        """End all scans and refuse new ones."""
        self._stopping.set()
        with self._lock:
            self._waiting.clear()
            threads = list(self._running.values())
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)

    def list_scans(self) -> dict[str, dict[str, Any]]:
        """Return the scans by task id, as JSON values."""
        with self._lock:
            return {str(task_id): asdict(scan) for task_id, scan in self._scans.items()}

    def _begin(self, task: Order) -> None:
        scan = self._scans[task.record_id]
        scan.n_starts += 1
        scan.state, scan.error, scan.upload_id = "scanning", None, None
        # A daemon, so that no scan keeps the process alive.
        thread = threading.Thread(target=self._run, args=(task, scan), daemon=True)
        self._running[task.device_id] = thread
        thread.start()

    def _run(self, task: Order, scan: ScanRecord) -> None:
        error: str | None = "The scan ended unexpectedly."
        try:
            self._scan(task, scan)
            error = None
        except (SocketLostError, FileLostError) as exc:
            error = str(exc)
        except (ScanFailedError, ScanHubError, OSError, ImportError) as exc:
            error = f"{type(exc).__name__}: {exc}"
            self._tell_end(task, scan, error)
        else:
            self._tell_ready(task)
        finally:
            with self._lock:
                scan.state = "failed" if error else "finished"
                scan.error = error
                del self._running[task.device_id]
                if self._waiting[task.device_id]:
                    self._begin(self._waiting[task.device_id].popleft())

    def _scan(self, task: Order, scan: ScanRecord) -> None:
        self._say(task, "init")
        self._report(task, 0)
        with tempfile.TemporaryDirectory(prefix="scanhub-scan-") as directory:
            path = Path(directory) / self.settings.file_name
            self._acquire(task, path)
            scan.state = "uploading"
            scan.upload_id = self._upload(task, path)
        self._report(task, 100)

    def _acquire(self, task: Order, path: Path) -> None:
        fault = self.faults.take_scan_fault(task.device_id)
        self.settings.acquire(path)
        step_s = self.settings.scan_duration_s / len(PROGRESS_WHILE_SCANNING)
        for progress in PROGRESS_WHILE_SCANNING:
            if self._stopping.wait(step_s):
                raise ScanFailedError("The scanner was switched off.")
            self._report(task, progress)
            if progress == PROGRESS_AT_FAULT:
                self._fail(task, fault)
        if fault == "corrupt_data":
            path.write_bytes(b"This is not an ISMRMRD file.\n")

    def _tell_ready(self, task: Order) -> None:
        self._say(task, "ready")

    def _fail(self, task: Order, fault: str | None) -> None:
        match fault:
            case "abort_scan":
                raise ScanFailedError("The scan was aborted by a fault switch.")
            case "log_out":
                if user := self.accounts.check_token(task.user_access_token):
                    self.accounts.log_out(user.username)
            case "drop_socket":
                self.devices.disconnect(task.device_id)
                raise SocketLostError("The socket was dropped by a fault switch.")
            case "kill_device_manager":
                self.devices.forget(task.device_id)
                raise SocketLostError("device-manager was killed by a fault switch.")

    def _tell_end(self, task: Order, scan: ScanRecord, error: str) -> None:
        # The SDK has scanned, whatever became of the token since.
        is_logged_out = self.accounts.check_token(task.user_access_token) is None
        if scan.state == "uploading" and is_logged_out:
            self._say(task, "ready")
        else:
            # It names no task, and has no token with it.
            self._say(task, "error", {"error_message": error})

    def _report(self, task: Order, progress: int) -> None:
        record = {"record_id": str(task.record_id), "user_access_token": task.user_access_token}
        self._say(task, "scanning", {"progress": progress}, record)

    def _say(
        self,
        task: Order,
        status: str,
        data: Message | None = None,
        record: Message | None = None,
    ) -> None:
        message = {"command": "update_status", "device_id": task.device_id, "status": status}
        self.devices.update_status({**message, "data": data, **(record or {})})

    def _upload(self, task: Order, path: Path) -> str:
        url = self.settings.workflow_manager_url
        if not url:
            raise ScanFailedError("The scanner does not know the workflow manager's URL.")
        # Loopback only: a proxy of the environment must not come in between.
        wire = self.settings.transport or httpx.HTTPTransport()
        token = task.user_access_token
        with Client(url, token, transport=wire, storage_transport=wire) as client:
            return client.upload(path, task_id=str(task.record_id)).upload_id
