"""Run the command line and note what it took: ``python -m tests.e2e.observed_command NOTES …``."""

import json
import re
import sys
from pathlib import Path

import httpx

from scanhub_workflow.cli import main


def read_peak_bytes() -> int:
    # Not getrusage: its maximum counts what the parent had in memory, too.
    [peak_kib] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak_kib) * 1024


def observe(notes: Path) -> None:
    requests: list[tuple[str, str, int]] = []
    send = httpx.HTTPTransport.handle_request

    def note(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        size_bytes = int(request.headers.get("Content-Length", 0))
        requests.append((request.method, request.url.path, size_bytes))
        return send(transport, request)

    httpx.HTTPTransport.handle_request = note  # type: ignore[method-assign] - the requests are noted on their way
    try:
        main()
    finally:
        notes.write_text(json.dumps({"requests": requests, "peak_bytes": read_peak_bytes()}))


if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    observe(path)
