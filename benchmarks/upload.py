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

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import IO, Any, cast

# This process imports nothing large: what it occupies would count as its children's peak.
from local.config import HOST, ROOT, StackConfig, aws_environ, clean_environ

GIB = 2**30
_MIB = 2**20
_WAYS = (
    ("sink", "Client.upload"),
    ("sink", "boto3"),
    ("sink", "boto3, body unsigned"),
    ("endpoint", "FastAPI, file.read()"),
    ("emulator", "Client.upload"),
    ("emulator", "boto3"),
)


@dataclass(frozen=True)
class Case:
    """Files of one size, sent at once.

    Attributes
    ----------
    n_repeats
        Number of measurements, and that where a server stores what it gets.
    """

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


class _Child:
    """A fresh process that speaks in lines of JSON and ends when its input does."""

    def __init__(self, module: str, *arguments: str, **environ: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            [sys.executable, "-m", f"benchmarks.{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environ(PYTHONPATH="layers/workflow_manager:client", **environ),
        )

    def read(self) -> Any:
        """Return what it says next."""
        if line := cast(IO[str], self.process.stdout).readline():
            return json.loads(line)
        raise SystemExit(f"{self.process.args!r} ended early.")

    def end_input(self) -> None:
        """Let it go on to its end."""
        cast(IO[str], self.process.stdin).close()


def main(cases: Sequence[Case]) -> None:
    """Measure all ways in all cases and print medians and their ratios."""
    for case in cases:
        runs: dict[tuple[str, str], list[Measurement]] = {way: [] for way in _WAYS}
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "raw"
            write_random(path, case.size_bytes)
            for i in range(max(case.n_repeats)):
                for server, way in _WAYS:
                    if i < case.n_repeats[server != "sink"]:
                        runs[server, way].append(measure(server, way, path, case.n_clients))
        _print_table(case, {way: _take_median(each) for way, each in runs.items()})


def write_random(path: Path, size_bytes: int) -> None:
    """Write a file of random bytes."""
    with path.open("wb") as file:
        for offset in range(0, size_bytes, _MIB):
            file.write(os.urandom(min(_MIB, size_bytes - offset)))


def measure(server: str, way: str, path: Path, n_clients: int) -> Measurement:
    """Send a file to a fresh server from fresh clients, all at once."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        receiver = _Child("upload_servers", server, folder)
        stack.enter_context(receiver.process)
        environ = aws_environ(StackConfig(aws_port=receiver.read()))
        if way == "Client.upload":
            environ |= stack.enter_context(_run_api(folder, environ))
        clients = [_Child("upload_clients", way, str(path), **environ) for _ in range(n_clients)]
        for client in clients:
            stack.enter_context(client.process)
        for client in clients:
            client.read()
        for client in clients:
            client.end_input()
        sent = [client.read() for client in clients]
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


@contextmanager
def _run_api(folder: str, environ: dict[str, str]) -> Iterator[dict[str, str]]:
    api = _Child("upload_servers", "api", folder, **environ)
    with api.process:
        url = f"http://{HOST}:{api.read()}"
        yield {"SCANHUB_WORKFLOW_URL": url, "SCANHUB_WORKFLOW_TOKEN": "any"}
        api.end_input()
        api.read()


def _take_median(measurements: list[Measurement]) -> Measurement:
    return Measurement(*map(statistics.median, zip(*map(astuple, measurements), strict=True)))


def _print_table(case: Case, medians: dict[tuple[str, str], Measurement]) -> None:
    print(f"\n{case.name}, {case.n_repeats[0]} runs each, {case.n_repeats[1]} where it is stored")
    print(f"{'':36}{'MB/s':>8}{'CPU s/GiB':>11}{'peak MB':>9}{'times boto3':>13}")
    for (server, way), median in medians.items():
        base = medians.get((server, "boto3"), medians["sink", "boto3"])
        rate = f"{median.rate_mb_s:8.0f}{median.cpu_s_per_gib:11.2f}{median.peak_mb:9.0f}"
        print(f"{server:10}{way:26}{rate}{median.rate_mb_s / base.rate_mb_s:13.2f}", flush=True)
        if server == "endpoint":
            served = f"{median.server_cpu_s_per_gib:19.2f}{median.server_peak_mb:9.0f}"
            print(f"{'':10}{'its server':26}{served}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main(_CASES)
        case ["--quick"]:
            main(_CASES[:1])
        case _:
            sys.exit(__doc__)
