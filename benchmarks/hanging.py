"""How long every function takes when AWS, Airflow or ScanHub hang, or ScanHub is as slow as may be.

    python -m benchmarks.hanging

Every function is run as `benchmarks.sizing` runs it, warm, with one of its samples: once with each
of the three behind an address that takes connections and never answers, and once with every service
of ScanHub answering just before our calls give up. The timeout of a function must be longer. The
table goes to docs/sizing.md.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.sizing import list_samples_of
from local.config import HOST, StackConfig, StackError
from local.runtime import LAYER, RuntimeEmulator, RuntimeFunction, list_deployed_functions
from local.samples import Hospital
from local.stack import Stack, down, is_up, up

HANGING: Mapping[str, tuple[str, ...]] = {
    "AWS": ("AWS_ENDPOINT_URL",),
    "Airflow": ("AIRFLOW_URL",),
    "ScanHub": (
        "USER_LOGIN_MANAGER_URI",
        "EXAM_MANAGER_URI",
        "PATIENT_MANAGER_URI",
        "SEQUENCE_MANAGER_URI",
        "DEVICE_MANAGER_URI",
    ),
}
"""Who hangs → the variables that lead there."""
SERVICES = ("exam", "patient", "sequence", "device", "user-login")
# Our calls give up after 3 s.
SLOW_S = 2.7
# They wait, and take no processor.
N_AT_ONCE = 8
ENDED = "Task timed out"


@dataclass(frozen=True)
class Bench:
    """What a measurement needs.

    Attributes
    ----------
    config
        The running stack.
    hospital
        Where the samples find what they name.
    folder
        For logs.
    """

    config: StackConfig
    hospital: Hospital
    folder: Path

    def measure(self, function: RuntimeFunction, environ: Mapping[str, str]) -> str:
        """Return how long the sample takes [s], or that the function was ended at its timeout.

        Parameters
        ----------
        function
            What to run.
        environ
            Variables that differ from its own.
        """
        changed = replace(function, environ={**function.environ, **environ})
        build, logs = self.config.build_folder, Path(tempfile.mkdtemp(dir=self.folder))
        event = list_samples_of(function)[0].load(self.hospital.make_names())
        root, layer = build / function.logical_id, build / LAYER
        with RuntimeEmulator(changed, root, layer, logs) as emulator:
            # Nobody's event: the init phase is not to be measured.
            emulator.invoke({})
            started_s = time.perf_counter()
            answer = emulator.invoke(event)
            duration_s = time.perf_counter() - started_s
        is_ended = ENDED in str(answer.get("errorMessage", ""))
        return f"ended at {function.timeout_s}" if is_ended else f"{duration_s:.1f}"


def slow_down(stack: Stack, is_slow: bool) -> None:
    """Let all of ScanHub answer late, or at once again."""
    headers = {"Authorization": f"Bearer {stack.token}"}
    # Loopback only: a proxy of the environment must not come in between.
    with httpx.Client(base_url=stack.scanhub_url, headers=headers, trust_env=False) as client:
        client.delete("/_control/faults").raise_for_status()
        for service in SERVICES if is_slow else ():
            fault = {"service": f"{service}-manager", "kind": "slow", "delay_s": SLOW_S}
            client.post("/_control/faults", json=fault).raise_for_status()


def measure_all(bench: Bench, functions: list[RuntimeFunction]) -> list[list[str]]:
    """Return a row for each function: its name, its timeout [s] and the durations [s]."""
    rows = [[each.logical_id.removesuffix("Function"), str(each.timeout_s)] for each in functions]

    def add_column(environ: Mapping[str, str]) -> None:
        with ThreadPoolExecutor(N_AT_ONCE) as pool:
            durations = pool.map(partial(bench.measure, environ=environ), functions)
            for row, duration in zip(rows, durations, strict=True):
                row.append(duration)

    # Its queue of connections has to hold those that nobody takes.
    with socket.create_server((HOST, 0), backlog=1000) as server:
        url = f"http://{HOST}:{server.getsockname()[1]}"
        for names in HANGING.values():
            add_column(dict.fromkeys(names, url))
    slow_down(bench.hospital.stack, is_slow=True)
    try:
        add_column({})
    finally:
        slow_down(bench.hospital.stack, is_slow=False)
    return rows


def make_table(rows: list[list[Any]]) -> str:
    """Return the rows as a table in Markdown."""
    names = ["function", "timeout s", *(f"{who} hangs" for who in HANGING), "ScanHub slow"]
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Measure all functions, print the table and return the exit status."""
    config = StackConfig.from_environ()
    was_up = is_up(config)
    try:
        stack = up(config)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(config, Hospital(stack), Path(folder))
            print(make_table(measure_all(bench, list_deployed_functions(config))))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if not was_up:
            down(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
