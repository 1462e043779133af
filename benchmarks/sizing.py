"""Memory, processor time and durations of every function, as Lambda runs it.

    make sizing [QUICK=1]

Every function of the built artefact runs in AWS's Runtime Interface Emulator, one after the other,
on the laptop stack, which is brought up if it is not. A process first gets an event from no caller,
so that the init phase is measured alone; then its samples of `events/`, beginning with the one that
gets furthest; then all of them once more, warm. docs/sizing.md explains the columns; copy the table
there by hand.
"""

from __future__ import annotations

import base64
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from benchmarks.report import make_table, run_command, take_medians
from local.config import StackConfig, StackError
from local.runtime import RuntimeEmulator, RuntimeFunction, list_deployed_functions
from local.samples import Hospital, Sample, list_samples
from local.stack import down, is_up, up
from tools.layer import LAYER

N_REPEATS = 3
# Lambda gives processors by memory: a whole one at this size.
MB_PER_CPU = 1769
SIZES_MB = (512, 1024, MB_PER_CPU)
MIB = 2**20
LARGE_SAMPLE = "upload_and_trigger/success"
LARGEST_FILE_BYTES = 4 * MIB - 1024
FURTHEST = {"create_upload": "for_task"}
QUICK_IDS = {"HelloFunction", "GetWorkflowFunction", "UploadAndTriggerFunction"}
_HEAD = ["function", "peak MB", "init s", "init CPU s", "no bytecode", "first s", "first CPU s"]


@dataclass(frozen=True)
class Run:
    """A process of a function, or the medians of several: init phase, first and longest event."""

    peak_mib: float
    init_s: float
    init_cpu_s: float
    first_s: float
    first_cpu_s: float
    warm_s: float


class Bench:
    """Runs functions of the running stack, each in a fresh folder."""

    def __init__(self, config: StackConfig, hospital: Hospital, folder: Path) -> None:
        self._build = config.build_folder
        self._hospital = hospital
        self._folder = folder
        without = shutil.ignore_patterns("__pycache__")
        self._plain_layer = folder / "plain"
        shutil.copytree(self._build / LAYER, self._plain_layer, ignore=without)

    def measure(self, function: RuntimeFunction) -> list[str]:
        """Return a function's row of the table."""
        runs = [self._run(function) for _ in range(N_REPEATS)]
        run = replace(take_medians(runs), peak_mib=max(each.peak_mib for each in runs))
        with self._emulate(function, self._plain_layer) as emulator:
            emulator.invoke({})
            plain_init_cpu_s = emulator.measure_usage().cpu_s
        cold_cpu_s = run.init_cpu_s + run.first_cpu_s
        estimates_s = [cold_cpu_s * MB_PER_CPU / memory_mb for memory_mb in SIZES_MB]
        numbers = [run.init_s, run.init_cpu_s, plain_init_cpu_s, run.first_s, run.first_cpu_s]
        cells = (f"{number:.2f}" for number in (*numbers, run.warm_s, *estimates_s))
        return [function.logical_id.removesuffix("Function"), f"{run.peak_mib:.0f}", *cells]

    def _run(self, function: RuntimeFunction) -> Run:
        samples = list_samples_of(function)
        with self._emulate(function, self._build / LAYER) as emulator:
            emulator.invoke({})
            after_init = emulator.measure_usage()
            durations_s = [self._send(emulator, samples[0])]
            after_first = emulator.measure_usage()
            durations_s += [self._send(emulator, each) for each in [*samples[1:], *samples]]
            return Run(
                peak_mib=emulator.measure_usage().peak_bytes / MIB,
                init_s=emulator.read_init_duration_s(),
                init_cpu_s=after_init.cpu_s,
                first_s=durations_s[0],
                first_cpu_s=after_first.cpu_s - after_init.cpu_s,
                warm_s=max(durations_s[len(samples) :]),
            )

    def _send(self, emulator: RuntimeEmulator, sample: Sample) -> float:
        """Return how long a sample took [s]."""
        event = sample.load(self._hospital.make_names())
        if str(sample) == LARGE_SAMPLE:
            event = fill_event(event)
        started_s = time.perf_counter()
        answer = emulator.invoke(event)
        duration_s = time.perf_counter() - started_s
        if "errorMessage" in answer or answer.get("statusCode", 0) >= 500:
            raise StackError(f"{sample}: {answer}")
        return duration_s

    def _emulate(self, function: RuntimeFunction, layer: Path) -> RuntimeEmulator:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return RuntimeEmulator(function, self._build / function.logical_id, layer, folder)


def list_samples_of(function: RuntimeFunction) -> list[Sample]:
    """Return the samples of a function, beginning with the one that gets furthest."""
    samples = [each for each in list_samples() if each.logical_id == function.logical_id]
    case = FURTHEST.get(samples[0].function, "success")
    # If there is none of that name, take the first.
    return sorted(samples, key=lambda sample: sample.case != case)


def fill_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of `upload_and_trigger` with a file as large as it takes."""
    form = httpx.Request("POST", "", files={"file": ("raw.h5", bytes(LARGEST_FILE_BYTES))})
    content_type = form.headers["Content-Type"]
    return event | {
        "headers": event["headers"] | {"Content-Type": content_type},
        "multiValueHeaders": event["multiValueHeaders"] | {"Content-Type": [content_type]},
        "body": base64.b64encode(form.read()).decode(),
        "isBase64Encoded": True,
    }


def measure_all(is_quick: bool) -> str:
    """Return a row for every function, or for three, as a table in Markdown."""
    config = StackConfig.from_environ()
    was_up = is_up(config)
    try:
        hospital = Hospital(up(config))
        functions = list_deployed_functions(config)
        rows: list[Sequence[str]] = []
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(config, hospital, Path(folder))
            for function in functions:
                if not is_quick or function.logical_id in QUICK_IDS:
                    rows.append(bench.measure(function))
                    print(f"{function.logical_id} is measured.", file=sys.stderr)
    finally:
        if not was_up:
            down(config)
    return make_table([*_HEAD, "warm s", *(f"at {size_mb} MB" for size_mb in SIZES_MB)], rows)


if __name__ == "__main__":
    run_command(measure_all)
