"""The switches: which failure which service shows, and for how many calls."""

import threading
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

ServiceName = Literal[
    "exam-manager",
    "patient-manager",
    "sequence-manager",
    "device-manager",
    "user-login-manager",
    "scanner",
]
WireKind = Literal["status", "slow", "garbage", "drop"]
ScanKind = Literal["abort_scan", "corrupt_data", "log_out", "drop_socket", "kill_device_manager"]
TransferKind = Literal["break_transfer", "spoil_transfer"]


class Fault(BaseModel):
    """One failure to show.

    Attributes
    ----------
    method, path_contains
        The calls that it spoils; ``None`` is all. Of a scan, the path is the device's id.
    kind
        ``status`` answers an error, ``slow`` waits, ``garbage`` answers no JSON, ``drop`` closes
        the connection without an answer. For the scanner only, half-way through a scan: at
        ``abort_scan`` the SDK fails and the device says ``error``; at ``log_out`` the operator
        logs out, no progress is taken any more, and the device ends with ``ready``; at
        ``drop_socket`` it is ``disconnected``; at ``kill_device_manager`` its last word,
        ``scanning``, stays. ``corrupt_data`` uploads a file that is no ISMRMRD file. In contract
        2026-02 each time that the file is sent to the volume, which is tried three times: at
        ``break_transfer`` half of it arrives, at ``spoil_transfer`` it has another checksum.
    delay_s
        How long ``slow`` waits [s].
    times
        For how many calls, in their order; ``None``: until it is cleared.
    after_processing
        Whether the service does its work first, so that only its answer is lost.
    """

    model_config = ConfigDict(extra="forbid")

    service: ServiceName
    method: str | None = None
    path_contains: str | None = None
    kind: WireKind | ScanKind | TransferKind
    status: int | None = Field(default=None, ge=200, le=599)
    detail: str = "Injected fault"
    delay_s: float = Field(default=5.0, ge=0.0)
    times: int | None = Field(default=None, ge=1)
    after_processing: bool = False

    def is_for(self, service: str, method: str, path: str) -> bool:
        """Return whether a call is one that this fault spoils."""
        is_method = self.method is None or self.method.upper() == method
        is_path = self.path_contains is None or self.path_contains in path
        return self.service == service and is_method and is_path


class FaultBoard:
    """The faults that are switched on; a call takes the first that fits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._faults.append(fault.model_copy())

    def clear(self) -> None:
        """Switch all faults off."""
        with self._lock:
            self._faults.clear()

    def list_active(self) -> list[Fault]:
        """Return the faults that are switched on, with the calls that are left."""
        with self._lock:
            return [fault.model_copy() for fault in self._faults]

    def take_wire_fault(self, service: str, method: str, path: str) -> Fault | None:
        """Return the fault for a call and count it."""
        return self._take(get_args(WireKind), service, method, path)

    def take_scan_fault(self, device_id: str) -> str | None:
        """Return in which way a scan shall fail, and count it."""
        fault = self._take(get_args(ScanKind), "scanner", "", device_id)
        return fault.kind if fault else None

    def take_transfer_fault(self, device_id: str) -> str | None:
        """Return in which way a transfer shall fail, and count it."""
        fault = self._take(get_args(TransferKind), "scanner", "", device_id)
        return fault.kind if fault else None

    def _take(self, kinds: tuple[str, ...], service: str, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.kind in kinds and fault.is_for(service, method, path):
                    return self._count(fault)
        return None

    def _count(self, fault: Fault) -> Fault:
        if fault.times is not None:
            fault.times -= 1
            if fault.times == 0:
                # Compare identity, because two switches may be equal.
                self._faults = [other for other in self._faults if other is not fault]
        return fault
