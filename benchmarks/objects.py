"""A thousand objects at once: the seconds that `trigger_airflow` needs to start a run of each.

    make benchmark-objects [QUICK=1] [OLD=checkout] [WRITE=1]

The part of SQS and Lambda is played here: as many execution environments as the template's
`MaximumConcurrency`, each given the next batch of `BatchSize` messages of S3 when it has answered
the one before. ``OLD=folder`` in the environment names an older checkout, which takes turns.
docs/performance.md says what is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.report import describe_machine, make_table, run_command, take_medians
from benchmarks.requests_neighbours import DELAY_S, Call, Neighbours, make_environ, run_neighbours
from local.config import DAG_ID, ROOT, StackConfig, StackError, aws_environ, clean_environ
from local.samples import BUCKET, Sample

N_OBJECTS, N_ROUNDS = 1_000, 5
N_QUICK_OBJECTS, N_QUICK_ROUNDS = 200, 3
MAX_LINE_BYTES = 2**20
ENVIRONMENT_NAME = "benchmark"
# The run is written, Airflow told, and that noted: nothing less starts each exactly once.
N_FLOOR_WAITS = 3
_HEAD = ("", "s", "objects/s", "times the floor", "CPU ms an object", "requests an object")
_SAMPLE = Sample("trigger_airflow", "upload_arrived")
_HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(1016)


class LakeNeighbours(Neighbours):
    """The services of a start, with a data lake of HDF5 files, and Airflow behind MWAA.

    Attributes
    ----------
    started
        How often each run was created in Airflow.
    n_requests
        All that were answered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: Counter[str] = Counter()
        self.n_requests = 0

    def answer(self, call: Call) -> tuple[int, bytes, float]:
        """Return status, body and duration [s] of the answer to a request."""
        self.n_requests += 1
        if call.path.startswith("/restapi/"):
            told = {"RestApiStatusCode": 200, "RestApiResponse": self._ask_airflow(call)}
            return 200, json.dumps(told).encode(), DELAY_S
        if call.path.startswith(f"/{BUCKET}/"):
            return 206, _HDF5, DELAY_S
        return super().answer(call)

    def _ask_airflow(self, call: Call) -> dict[str, Any]:
        request = json.loads(call.body)
        if request["Method"] == "GET":
            return {"dag_id": DAG_ID, "is_paused": False, "tags": [{"name": "accepts:hdf5"}]}
        dag_run_id = request["Body"]["dag_run_id"]
        self.started[dag_run_id] += 1
        return {"dag_run_id": dag_run_id, "dag_id": DAG_ID, "state": "queued"}


@dataclass(frozen=True)
class Measurement:
    """All objects together, and the processor time and the requests of one."""

    elapsed_s: float
    cpu_ms: float
    n_requests: float


@dataclass(frozen=True)
class EventSource:
    """How Lambda hands out the messages."""

    batch_size: int
    n_environments: int

    @classmethod
    def of(cls, root: Path) -> EventSource:
        """Return that of a checkout's template."""
        text = (root / "template.yaml").read_text(encoding="utf-8")
        _, _, behind = text.partition("\n  TriggerAirflowFunction:")
        found = re.search(r"BatchSize: (\d+).*MaximumConcurrency: (\d+)", behind)
        if found is None:
            raise StackError(f"{root}/template.yaml does not say how messages are handed out.")
        return cls(int(found[1]), int(found[2]))


def make_events(n_objects: int, batch_size: int) -> Iterator[str]:
    """Yield events of SQS, a line of JSON each: each object is the first version of its key."""
    sample = _SAMPLE.load()
    [record] = sample["Records"]
    message = json.loads(record["body"])
    stored = message["Records"][0]["s3"]["object"]
    for first in range(0, n_objects, batch_size):
        records = []
        for number in range(first, min(first + batch_size, n_objects)):
            stored |= {"key": f"upload/{DAG_ID}/{number}/raw.h5", "versionId": f"version-{number}"}
            records.append(record | {"messageId": f"{number}", "body": json.dumps(message)})
        yield json.dumps(sample | {"Records": records})


async def measure(root: Path, n_objects: int) -> Measurement:
    """Start the runs of so many objects by the functions of a checkout.

    Raises
    ------
    StackError
        A message came back, or an object has not exactly one run.
    """
    source = EventSource.of(root)
    neighbours = LakeNeighbours()
    async with run_neighbours(neighbours) as port, AsyncExitStack() as stack:
        started = [run_environment(root, port) for _ in range(source.n_environments)]
        environments = [await stack.enter_async_context(each) for each in started]
        for each, first in zip(environments, make_events(len(environments), 1), strict=True):
            # What is built by the first event is not in the time.
            await _ask(each, first.replace("version-", "first-"))
        neighbours.started.clear()
        neighbours.n_requests = 0
        events = make_events(n_objects, source.batch_size)
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(_work(each, events) for each in environments))
        elapsed_s = asyncio.get_running_loop().time() - began_s
        n_requests = neighbours.n_requests / n_objects
        cpu_s = sum([await _end(each) for each in environments])
    if sorted(neighbours.started.values()) != [1] * n_objects:
        raise StackError(f"{len(neighbours.started)} runs were started of {n_objects} objects.")
    return Measurement(elapsed_s, cpu_s / n_objects * 1e3, n_requests)


@asynccontextmanager
async def run_environment(root: Path, port: int) -> AsyncIterator[Process]:
    """Run an environment whose neighbours are at a port."""
    path = ":".join(str(root / each) for each in ("", "layers/workflow_manager"))
    settings = {"PYTHONPATH": path, "MWAA_ENVIRONMENT_NAME": ENVIRONMENT_NAME}
    environ = aws_environ(StackConfig(aws_port=port)) | make_environ(port) | settings
    # Without its own folder on the path, where our modules hide packages of the same name.
    command = [sys.executable, "-P", str(ROOT / "benchmarks/objects_environment.py")]
    env = clean_environ(**environ)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, cwd=root, env=env, limit=MAX_LINE_BYTES
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _work(environment: Process, events: Iterator[str]) -> None:
    for event in events:
        await _ask(environment, event)


async def _ask(environment: Process, event: str) -> None:
    cast(asyncio.StreamWriter, environment.stdin).write(f"{event}\n".encode())
    if failed := (await _read(environment))["batchItemFailures"]:
        raise StackError(f"Messages came back: {failed}")


async def _end(environment: Process) -> float:
    cast(asyncio.StreamWriter, environment.stdin).close()
    return float((await _read(environment))["cpu_s"])


async def _read(environment: Process) -> dict[str, Any]:
    line = await cast(asyncio.StreamReader, environment.stdout).readline()
    if not line:
        raise StackError("An environment has ended early.")
    answer: dict[str, Any] = json.loads(line)
    return answer


async def compare(n_objects: int, n_rounds: int) -> list[list[str]]:
    """Return a row for each checkout, taking turns."""
    roots = {"ours": ROOT}
    if old := os.environ.get("OLD"):
        roots["ours, older"] = Path(old).resolve()
    measured: dict[str, list[Measurement]] = {}
    for i in range(n_rounds):
        for title, root in roots.items():
            measured.setdefault(title, []).append(await measure(root, n_objects))
        print(f"round {i + 1} of {n_rounds}", file=sys.stderr)
    floor_s = N_FLOOR_WAITS * DELAY_S * n_objects / EventSource.of(ROOT).n_environments
    rows = [["floor: three waits", f"{floor_s:.1f}", f"{n_objects / floor_s:.0f}", "1", "", "3"]]
    for title, each in measured.items():
        found = take_medians(each)
        times = [f"{found.elapsed_s:.1f}", f"{n_objects / found.elapsed_s:.0f}"]
        costs = [f"{found.cpu_ms:.1f}", f"{found.n_requests:.1f}"]
        rows.append([title, *times, f"{found.elapsed_s / floor_s:.2f}", *costs])
    return rows


def run(is_quick: bool) -> str:
    """Measure everything and return the report."""
    n_objects = N_QUICK_OBJECTS if is_quick else N_OBJECTS
    n_rounds = N_QUICK_ROUNDS if is_quick else N_ROUNDS
    rows = asyncio.run(compare(n_objects, n_rounds))
    head = f"{describe_machine()}; {n_objects:,} objects, medians of {n_rounds} rounds."
    return f"{head}\n\n{make_table(_HEAD, rows)}"


if __name__ == "__main__":
    run_command(run, "objects")
