"""Throughput, CPU time and peak memory of uploads, beside boto3 and what ScanHub did.

    make benchmark-upload [QUICK=1] [OLD=checkout] [WRITE=1]

Each measurement has fresh processes, one server and its clients; the ways to upload take turns, so
that a busy machine slows all of them. ``OLD=folder`` in the environment names an older checkout,
whose client and API take turns too. docs/performance.md explains them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

# This process imports nothing large, because its memory would count as its children's peak.
from benchmarks.child import Child
from benchmarks.report import describe_machine, make_table, run_command, take_medians
from local.config import HOST, ROOT, StackConfig, aws_environ

GIB = 2**30
_MIB = 2**20
_OURS = "Client.upload"
# What each sends to.
_WAYS = {
    _OURS: "sink",
    "boto3": "sink",
    "boto3, body unsigned": "sink",
    "FastAPI, file.read()": "endpoint",
}
# Name and size of a file, how many are sent at the same time, and how often.
_CASES = (
    ("10 MB", 10 * 10**6, 1, 11),
    ("100 MB", 100 * 10**6, 1, 5),
    ("1 GiB", GIB, 1, 5),
    ("three of 1 GiB at once", GIB, 3, 5),
)


@dataclass(frozen=True)
class Measurement:
    """The rate of all clients together, and time and peak memory of clients and their server."""

    rate_mb_s: float
    cpu_s_per_gib: float
    peak_mb: float
    server_cpu_s_per_gib: float
    server_peak_mb: float


def compare(is_quick: bool) -> str:
    """Measure all ways in all cases, or in the smallest, and return the medians as a table."""
    head = ["", "", "MB/s", "CPU s/GiB", "peak MB", "times boto3"]
    cases = _CASES[:1] if is_quick else _CASES
    table = make_table(head, [row for case in cases for row in run(*case)])
    counts = ", ".join(f"{n_rounds} of {name}" for name, *_, n_rounds in cases)
    return f"{describe_machine()}; medians of several rounds ({counts}).\n\n{table}"


def run(name: str, size_bytes: int, n_clients: int, n_rounds: int) -> Iterator[list[str]]:
    """Yield the rows of one case."""
    turns = [(way, way, ROOT) for way in _WAYS]
    if old := os.environ.get("OLD"):
        turns.insert(1, (f"{_OURS}, older", _OURS, Path(old).resolve()))
    runs: dict[str, list[Measurement]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw"
        write_random(path, size_bytes)
        for i in range(n_rounds):
            for title, way, root in turns:
                runs.setdefault(title, []).append(measure(way, path, n_clients, root))
            print(f"{name}: round {i + 1}", file=sys.stderr)
    medians = {title: take_medians(each) for title, each in runs.items()}
    yield [f"**{name}**", *[""] * 5]
    base = medians["boto3"]
    for title, each in medians.items():
        server = _WAYS.get(title, "sink")
        cells = [f"{each.rate_mb_s:.0f}", f"{each.cpu_s_per_gib:.2f}", f"{each.peak_mb:.0f}"]
        yield [server, title, *cells, f"{each.rate_mb_s / base.rate_mb_s:.2f}"]
        if server == "endpoint":
            served = [f"{each.server_cpu_s_per_gib:.2f}", f"{each.server_peak_mb:.0f}"]
            yield ["", "its server", "", *served, ""]


def write_random(path: Path, size_bytes: int) -> None:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for offset in range(0, size_bytes, _MIB):
            file.write(os.urandom(min(_MIB, size_bytes - offset)))


def measure(way: str, path: Path, n_clients: int, root: Path = ROOT) -> Measurement:
    """Send a file to a fresh server from fresh clients, all at once; these are of a checkout."""
    with ExitStack() as stack:

        def start(module: str, *arguments: str, **environ: str) -> Child:
            return stack.enter_context(Child(module, *arguments, **environ))

        folder = stack.enter_context(tempfile.TemporaryDirectory())
        receiver = start("upload_servers", _WAYS[way], folder)
        environ, api = aws_environ(StackConfig(aws_port=receiver.read())), None
        environ["PWD"] = str(root)
        if way == _OURS:
            api = start("upload_servers", "api", folder, **environ)
            environ["SCANHUB_WORKFLOW_URL"] = f"http://{HOST}:{api.read()}"
            environ["SCANHUB_WORKFLOW_TOKEN"] = "any"  # noqa: S105 - nobody asks
        senders = [start("upload_clients", way, str(path), **environ) for _ in range(n_clients)]
        for sender in senders:
            sender.read()
        for sender in senders:
            sender.end_input()
        sent = [sender.read() for sender in senders]
        if api:
            api.end_input()
            api.read()
        receiver.end_input()
        served = receiver.read()
    duration_s = max(each["end_s"] for each in sent) - min(each["start_s"] for each in sent)
    n_bytes = path.stat().st_size * n_clients
    return Measurement(
        rate_mb_s=n_bytes / duration_s / 1e6,
        cpu_s_per_gib=sum(each["cpu_s"] for each in sent) / n_bytes * GIB,
        peak_mb=max(each["peak_mb"] for each in sent),
        server_cpu_s_per_gib=served["cpu_s"] / n_bytes * GIB,
        server_peak_mb=served["peak_mb"],
    )


if __name__ == "__main__":
    run_command(compare, "upload")
