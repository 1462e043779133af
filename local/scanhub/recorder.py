"""The requests to the stand-in, for tests that compare them with the contract."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

MAX_RECORDS = 10_000

SERVICE_PREFIXES = {
    "/api/v1/userlogin": "user-login-manager",
    "/api/v1/exam": "exam-manager",
    "/api/v1/patient": "patient-manager",
    "/api/v1/mri/sequences": "sequence-manager",
    "/api/v1/device": "device-manager",
    "/api/start-scan": "scanner",
}


def find_service(path: str) -> str | None:
    """Return the service that owns a path; ``None`` for the control API."""
    for prefix, service in SERVICE_PREFIXES.items():
        if path == prefix or path.startswith(f"{prefix}/"):
            return service
    return None


@dataclass(frozen=True)
class RecordedRequest:
    """One request as it came in, token included, which only a test double may keep."""

    service: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


class Recorder:
    """The last requests of every service, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[RecordedRequest] = deque(maxlen=MAX_RECORDS)

    def add(self, request: RecordedRequest) -> None:
        """Keep a request; the oldest goes when there are too many."""
        with self._lock:
            self._requests.append(request)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the requests as JSON values."""
        with self._lock:
            return [asdict(request) for request in self._requests]

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests.clear()
