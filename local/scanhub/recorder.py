"""The requests to the stand-in, for tests that compare them with the contract."""

from collections import deque
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


class Recorder:
    """The last requests of every service, oldest first, with the tokens that came with them."""

    def __init__(self) -> None:
        self._requests: deque[dict[str, Any]] = deque(maxlen=MAX_RECORDS)
        self.add = self._requests.append
        self.clear = self._requests.clear

    def to_json(self) -> list[dict[str, Any]]:
        """Return the requests as JSON values."""
        return list(self._requests.copy())
