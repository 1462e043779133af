"""Throughput, CPU time and peak memory of uploads, beside boto3 and what ScanHub did.

    make benchmark-upload [QUICK=1]

Each measurement is fresh processes, one server and its clients; the ways take turns, so that a busy
machine slows all of them. The server either only counts bytes in S3's protocol ("sink"), or it is
the laptop's S3 ("emulator"), or an endpoint that reads the file whole and writes it to disk, as
ScanHub did; of that, the server counts too, for it is what `Client.upload` replaces. The API that
the client asks is one more process: what it does (create, sign, complete) counts as time. Over
plain HTTP boto3 hashes every byte by SHA-256 for its signature; it does not over HTTPS: "boto3,
body unsigned" is that.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

# This process imports nothing large: what it occupies would count as its children's peak.
from benchmarks.child import Child
from benchmarks.report import make_table, run_command, take_medians
from local.config import HOST, StackConfig, aws_environ

GIB = 2**30
_MIB = 2**20
Way = tuple[str, str]
_WAYS: tuple[Way, ...] = (
    ("sink", "Client.upload"),
    ("sink", "boto3"),
    ("sink", "boto3, body unsigned"),
    ("endpoint", "FastAPI, file.read()"),
    ("emulator", "Client.upload"),
    ("emulator", "boto3"),
)


@dataclass(frozen=True)
class Case:
    """Files of one size, sent at once, so many times, and so many where a server stores them."""

    name: str
    size_bytes: int
    n_clients: int = 1
    n_repeats: tuple[int, int] = (3, 3)


_CASES = (
    Case("10 MB", 10 * 10**6),
    Case("100 MB", 100 * 10**6),
    Case("1 GiB", GIB, n_repeats=(3, 1)),
    Case("three of 1 GiB at once", GIB, n_clients=3, n_repeats=(3, 1)),
)


@dataclass(frozen=True)
class Measurement:
    """What one way took.

    Attributes
    ----------
    rate_mb_s
        Of all clients together [MB/s].
    cpu_s_per_gib, server_cpu_s_per_gib
        Time on processors [s/GiB].
    peak_mb, server_peak_mb
        Peak memory of one process [MB], interpreter and packages included.
    """

    rate_mb_s: float
    cpu_s_per_gib: float
    peak_mb: float
    server_cpu_s_per_gib: float
    server_peak_mb: float


def compare(is_quick: bool) -> str:
    """Measure all ways in all cases, or in the smallest, and return the medians as a table."""
    head = ["", "", "MB/s", "CPU s/GiB", "peak MB", "times boto3"]
    cases = _CASES[:1] if is_quick else _CASES
    return make_table(head, [row for case in cases for row in run(case)])


def run(case: Case) -> Iterator[list[str]]:
    """Yield the rows of one case."""
    runs: dict[Way, list[Measurement]] = {way: [] for way in _WAYS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw"
        write_random(path, case.size_bytes)
        for i in range(max(case.n_repeats)):
            for way in _WAYS:
                if i < case.n_repeats[way[0] != "sink"]:
                    runs[way].append(measure(way, path, case.n_clients))
            print(f"{case.name}: round {i + 1}", file=sys.stderr)
    medians = {way: take_medians(each) for way, each in runs.items()}
    yield [f"**{case.name}**", *[""] * 5]
    yield from _make_rows(medians)


def _make_rows(medians: Mapping[Way, Measurement]) -> Iterator[list[str]]:
    for (server, way), each in medians.items():
        base = medians.get((server, "boto3"), medians["sink", "boto3"])
        cells = [f"{each.rate_mb_s:.0f}", f"{each.cpu_s_per_gib:.2f}", f"{each.peak_mb:.0f}"]
        yield [server, way, *cells, f"{each.rate_mb_s / base.rate_mb_s:.2f}"]
        if server == "endpoint":
            served = [f"{each.server_cpu_s_per_gib:.2f}", f"{each.server_peak_mb:.0f}"]
            yield ["", "its server", "", *served, ""]


def write_random(path: Path, size_bytes: int) -> None:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for offset in range(0, size_bytes, _MIB):
            file.write(os.urandom(min(_MIB, size_bytes - offset)))


def measure(way: Way, path: Path, n_clients: int) -> Measurement:
    """Send a file to a fresh server from fresh clients, all at once."""
    server, client = way
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        receiver = stack.enter_context(Child("upload_servers", server, folder))
        environ = aws_environ(StackConfig(aws_port=receiver.read()))
        if client == "Client.upload":
            api = stack.enter_context(Child("upload_servers", "api", folder, **environ))
            environ["SCANHUB_WORKFLOW_URL"] = f"http://{HOST}:{api.read()}"
            environ["SCANHUB_WORKFLOW_TOKEN"] = "any"  # noqa: S105 - nobody asks
        senders = [
            stack.enter_context(Child("upload_clients", client, str(path), **environ))
            for _ in range(n_clients)
        ]
        for sender in senders:
            sender.read()
        for sender in senders:
            sender.end_input()
        sent = [sender.read() for sender in senders]
        if client == "Client.upload":
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
        server_cpu_s_per_gib=served["server_cpu_s"] / n_bytes * GIB,
        server_peak_mb=served["server_peak_mb"],
    )


if __name__ == "__main__":
    run_command(compare)
