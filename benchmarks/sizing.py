"""Memory, processor time and durations of every function, as Lambda runs it.

    python -m benchmarks.sizing

Every function is run from the built artefact in AWS's Runtime Interface Emulator, one after the
other, on the laptop stack, which is brought up if it is not. A process is invoked with nobody's
event first, so that the init phase is measured alone (`reconcile_runs` takes any event and a turn),
then with its samples of `events/`, that which gets furthest first, then with all of them once more,
warm. The numbers are medians of several processes; peak memory is the
largest. The init phase is measured once more on the layer without bytecode, as a plain `sam build`
leaves it. The table goes to docs/sizing.md.
"""

from __future__ import annotations

import base64
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.config import StackConfig, StackError
from local.runtime import RuntimeEmulator, RuntimeFunction, list_deployed_functions
from local.samples import Hospital, Sample, list_samples
from local.stack import down, is_up, up
from tools.layer import LAYER

N_REPEATS = 3
# Lambda gives processors by memory: one of them at so much.
MB_PER_CPU = 1769
SIZES_MB = (512, 1024, MB_PER_CPU)
MIB = 2**20
LARGE_SAMPLE = "upload_and_trigger/success"
LARGEST_FILE_BYTES = 4 * MIB - 1024
FURTHEST = {"create_upload": "for_task"}


@dataclass(frozen=True)
class Run:
    """One process of a function.

    Attributes
    ----------
    peak_mib
        Largest resident set [MiB], Lambda's MB.
    init_s, init_cpu_s
        Duration of the init phase, and its time on processors [s].
    first_s, first_cpu_s
        The same of the first event after it, in which clients are built.
    warm_s
        The longest of the events when each came for the second time [s].
    """

    peak_mib: float
    init_s: float
    init_cpu_s: float
    first_s: float
    first_cpu_s: float
    warm_s: float


@dataclass(frozen=True)
class Size:
    """What a function was measured to take.

    Attributes
    ----------
    name
        Its logical id, without "Function".
    run
        Medians over its processes; the peak is the largest.
    plain_init_cpu_s
        Processor time of the init phase when the layer holds no bytecode [s].
    """

    name: str
    run: Run
    plain_init_cpu_s: float

    def estimate_cold_start_s(self, memory_mb: int) -> float:
        """Return what a cold start with its first event would compute on so much memory [s]."""
        cpu_s = self.run.init_cpu_s + self.run.first_cpu_s
        return cpu_s * MB_PER_CPU / min(memory_mb, MB_PER_CPU)


class Bench:
    """Runs functions, each in a fresh folder.

    Parameters
    ----------
    config
        The running stack.
    hospital
        Where the samples find what they name.
    folder
        For logs and copies.
    """

    def __init__(self, config: StackConfig, hospital: Hospital, folder: Path) -> None:
        self._build = config.build_folder
        self._hospital = hospital
        self._folder = folder
        self._plain_layer = folder / "plain"
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self._build / LAYER, self._plain_layer, ignore=without)

    def measure(self, function: RuntimeFunction) -> Size:
        """Return what a function takes."""
        runs = [self._run(function) for _ in range(N_REPEATS)]
        plain_init_cpu_s = self._init_plain(function)
        return Size(
            function.logical_id.removesuffix("Function"),
            Run(
                peak_mib=max(run.peak_mib for run in runs),
                init_s=statistics.median(run.init_s for run in runs),
                init_cpu_s=statistics.median(run.init_cpu_s for run in runs),
                first_s=statistics.median(run.first_s for run in runs),
                first_cpu_s=statistics.median(run.first_cpu_s for run in runs),
                warm_s=statistics.median(run.warm_s for run in runs),
            ),
            plain_init_cpu_s,
        )

    def _run(self, function: RuntimeFunction) -> Run:
        samples = list_samples_of(function)
        with self._emulate(function, self._build / LAYER) as emulator:
            emulator.invoke({})
            after_init = emulator.measure_usage()
            durations_s = []
            for sample in [*samples, *samples]:
                event = sample.load(self._hospital.make_names())
                if str(sample) == LARGE_SAMPLE:
                    event = fill_event(event)
                started_s = time.perf_counter()
                answer = emulator.invoke(event)
                durations_s.append(time.perf_counter() - started_s)
                if "errorMessage" in answer or answer.get("statusCode", 0) >= 500:
                    raise StackError(f"{sample}: {answer}")
                if len(durations_s) == 1:
                    after_first = emulator.measure_usage()
            return Run(
                peak_mib=emulator.measure_usage().peak_bytes / MIB,
                init_s=emulator.read_init_duration_s(),
                init_cpu_s=after_init.cpu_s,
                first_s=durations_s[0],
                first_cpu_s=after_first.cpu_s - after_init.cpu_s,
                warm_s=max(durations_s[len(samples) :]),
            )

    def _init_plain(self, function: RuntimeFunction) -> float:
        with self._emulate(function, self._plain_layer) as emulator:
            emulator.invoke({})
            return emulator.measure_usage().cpu_s

    def _emulate(self, function: RuntimeFunction, layer: Path) -> RuntimeEmulator:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return RuntimeEmulator(function, self._build / function.logical_id, layer, folder)


def list_samples_of(function: RuntimeFunction) -> list[Sample]:
    """Return the samples of a function, first that which gets furthest."""
    samples = [each for each in list_samples() if each.logical_id == function.logical_id]
    case = FURTHEST.get(samples[0].function, "success")
    # Where there is none of that name, the first is good.
    return sorted(samples, key=lambda sample: sample.case != case)


def fill_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of `upload_and_trigger` with a file as large as it takes."""
    separator, file = "sizing", bytes(LARGEST_FILE_BYTES)
    part = 'Content-Disposition: form-data; name="file"; filename="raw.h5"'
    body = f"--{separator}\r\n{part}\r\n\r\n".encode() + file + f"\r\n--{separator}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={separator}"
    return event | {
        "headers": event["headers"] | {"Content-Type": content_type},
        "multiValueHeaders": event["multiValueHeaders"] | {"Content-Type": [content_type]},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def make_table(sizes: Sequence[Size]) -> str:
    """Return the sizes as a table in Markdown."""
    cold = [f"cold at {memory_mb} MB" for memory_mb in SIZES_MB]
    names = ["peak MB", "init s", "init CPU s", "no bytecode", "first s", "first CPU s", "warm s"]
    lines = [f"| function | {' | '.join([*names, *cold])} |", "|---" * (len(names) + 4) + "|"]
    for size in sizes:
        run = size.run
        numbers = [run.init_s, run.init_cpu_s, size.plain_init_cpu_s]
        numbers += [run.first_s, run.first_cpu_s, run.warm_s]
        numbers += [size.estimate_cold_start_s(memory_mb) for memory_mb in SIZES_MB]
        cells = [f"{run.peak_mib:.0f}", *(f"{number:.2f}" for number in numbers)]
        lines.append(f"| {size.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Measure all functions, print the table and return the exit status."""
    config = StackConfig.from_environ()
    was_up = is_up(config)
    try:
        stack = up(config)
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(config, Hospital(stack), Path(folder))
            sizes = []
            for function in list_deployed_functions(config):
                sizes.append(bench.measure(function))
                print(f"{function.logical_id} is measured.", file=sys.stderr)
        print(make_table(sizes))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if not was_up:
            down(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
