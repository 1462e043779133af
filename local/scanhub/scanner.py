"""The simulated scanner: takes a start order, acquires a phantom, uploads the raw data."""

import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from local.scanhub.faults import FaultBoard
from local.scanhub.models import DeviceTask
from local.scanhub.store import Store
from local.scanhub.upload import FILE_NAME, ScanFailedError, upload_acquisition

PROGRESS_WHILE_SCANNING = range(10, 91, 10)
PROGRESS_AT_ABORT = 50
HTTP_TIMEOUT = httpx.Timeout(30.0, connect=5.0)
STOP_TIMEOUT_S = 0.5

Acquire = Callable[[Path], None]


class ScannerBusyError(Exception):
    """The device is scanning, or the scanner is shutting down."""


@dataclass
class ScanRecord:
    """What happened to the scan of one task; state, error and upload are those of the last start.

    Attributes
    ----------
    n_starts
        Orders that the scanner carried out.
    n_refused
        Orders that it refused because it was scanning.
    state
        ``idle``, ``scanning``, ``uploading``, ``finished`` or ``failed``.
    """

    n_starts: int = 0
    n_refused: int = 0
    state: str = "idle"
    error: str | None = None
    upload_id: str | None = None


@dataclass
class ScannerSettings:
    """How the scanner behaves.

    Attributes
    ----------
    workflow_manager_url
        Base URL of the API that takes the data; may be set later.
    scan_duration_s
        How long a scan takes without the upload [s].
    acquire
        Writes the raw data of a scan to a path.
    """

    workflow_manager_url: str
    scan_duration_s: float
    acquire: Acquire
    transport: httpx.BaseTransport | None = None


@dataclass
class SimulatedScanner:
    """One scanner for all devices of the stand-in; a device makes one scan at a time.

    Parameters
    ----------
    store
        The scanner writes its progress to it, as device-manager does.
    is_token_valid
        Whether device-manager could report progress with a token.
    """

    settings: ScannerSettings
    store: Store
    faults: FaultBoard
    is_token_valid: Callable[[str], bool]
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _scans: dict[UUID, ScanRecord] = field(default_factory=dict)
    _running: dict[str, threading.Thread] = field(default_factory=dict)

    def start(self, device_task: DeviceTask) -> None:
        """Begin a scan in the background; the order's token serves for the upload.

        Raises
        ------
        ScannerBusyError
            The device is scanning already.
        """
        with self._lock:
            scan = self._scans.setdefault(device_task.record_id, ScanRecord())
            if device_task.device_id in self._running or self._stopping.is_set():
                scan.n_refused += 1
                raise ScannerBusyError(device_task.device_id)
            scan.n_starts += 1
            scan.state, scan.error, scan.upload_id = "scanning", None, None
            # A daemon, so that no scan keeps the process alive.
            thread = threading.Thread(target=self._run, args=(device_task, scan), daemon=True)
            self._running[device_task.device_id] = thread
            thread.start()

    def stop(self) -> None:
        """End all scans and refuse new ones."""
        self._stopping.set()
        with self._lock:
            threads = list(self._running.values())
        for thread in threads:
            thread.join(STOP_TIMEOUT_S)

    def list_scans(self) -> dict[str, dict[str, Any]]:
        """Return the scans by task id, as JSON values."""
        with self._lock:
            return {str(task_id): asdict(scan) for task_id, scan in self._scans.items()}

    def _run(self, task: DeviceTask, scan: ScanRecord) -> None:
        error: str | None = "The scan ended unexpectedly."
        try:
            self._scan(task, scan)
            error = None
        except (ScanFailedError, httpx.HTTPError, httpx.InvalidURL, OSError, ImportError) as exc:
            error = f"{type(exc).__name__}: {exc}"
        finally:
            self.store.report_device_status(task.device_id, "error" if error else "ready")
            with self._lock:
                scan.state = "failed" if error else "finished"
                scan.error = error
                del self._running[task.device_id]

    def _scan(self, task: DeviceTask, scan: ScanRecord) -> None:
        self.store.report_device_status(task.device_id, "scanning")
        self._report(task, 0)
        with tempfile.TemporaryDirectory(prefix="scanhub-scan-") as directory:
            path = Path(directory) / FILE_NAME
            self._acquire(task, path)
            scan.state = "uploading"
            scan.upload_id = self._upload(task, path)
        self._report(task, 100)

    def _acquire(self, task: DeviceTask, path: Path) -> None:
        is_aborted = self.faults.take_scan_fault("abort_scan")
        self.settings.acquire(path)
        step_s = self.settings.scan_duration_s / len(PROGRESS_WHILE_SCANNING)
        for progress in PROGRESS_WHILE_SCANNING:
            if self._stopping.wait(step_s):
                raise ScanFailedError("The scanner was switched off.")
            self._report(task, progress)
            if is_aborted and progress >= PROGRESS_AT_ABORT:
                raise ScanFailedError("The scan was aborted by a fault switch.")
        if self.faults.take_scan_fault("corrupt_data"):
            path.write_bytes(b"This is not an ISMRMRD file.\n")

    def _report(self, task: DeviceTask, progress: int) -> None:
        # device-manager writes with the order's token; if that is refused, it writes nothing.
        if self.is_token_valid(task.user_access_token):
            self.store.report_progress(task.record_id, progress)

    def _upload(self, task: DeviceTask, path: Path) -> str:
        url = self.settings.workflow_manager_url
        if not url:
            raise ScanFailedError("The scanner does not know the workflow manager's URL.")
        headers = {"Authorization": f"Bearer {task.user_access_token}"}
        # Loopback only: a proxy of the environment must not come in between.
        with httpx.Client(
            headers=headers,
            timeout=HTTP_TIMEOUT,
            transport=self.settings.transport,
            trust_env=False,
        ) as client:
            return upload_acquisition(client, url, task.record_id, path)


def acquire_phantom(path: Path) -> None:
    """Write a noisy multi-coil acquisition of a phantom as an ISMRMRD file."""
    # Imported late: the other services must not wait for the numerics to load.
    from local.phantom import simulate_acquisition

    simulate_acquisition(path)
