"""From an object in S3 to a recorded result on the laptop stack, beside the least there can be.

    make benchmark-pipeline [QUICK=1] [WRITE=1]

Ours is the deployed stack: S3, SQS, `trigger_airflow`, Airflow, the reconstruction, its callbacks.
The floor is on the same stack at the same time: S3 calls a function of one file that does nothing
but POST to Airflow (benchmarks/floor_handler.py), which runs a DAG whose task does nothing
(benchmarks/dags/floor.py). Objects take turns, one at a time, after one of each to warm up. Times
are the client's before the PUT, and those that Airflow and our API show. Airflow's scheduler looks
in rounds: pauses of random length keep the turns from falling into step with it. WRITE=1 puts the
table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import io
import shutil
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from benchmarks.pipeline_stats import Passage, compare
from benchmarks.report import describe_machine, replace_block
from local import airflow
from local.aws import make_client
from local.config import DAG_ID, ROOT, StackConfig, StackError, python_runtime
from local.phantom import simulate_kspace
from local.stack import Stack, down, is_up, up
from scanhub_reconstruction.raw_data import read_raw_data
from scanhub_reconstruction.run_conf import RunConf
from scanhub_reconstruction.series import store_images

DOC = ROOT / "docs" / "performance.md"
DAGS_FOLDER = ROOT / ".local-benchmark-dags"
FLOOR = "floor"
N_OBJECTS, N_QUICK = 15, 3
_N_COILS, _MATRIX_SIZE = 2, 64
# Airflow is not asked often: on SQLite, readers hold up the scheduler.
_POLL_S = 0.5
_TIMEOUT_S = 120.0
_MAX_PAUSE_S = 1.5
_ENDED = {"success", "failed"}


@dataclass(frozen=True)
class Pipeline:
    """A running stack and its clients.

    Attributes
    ----------
    api, airflow
        Ours as the operator, and Airflow's.
    s3
        Of the laptop's AWS.
    """

    stack: Stack
    api: httpx.Client
    airflow: httpx.Client
    s3: Any

    def pass_ours(self, raw: bytes) -> Passage:
        """Store an object in the data lake and return its times."""
        key = f"upload/{DAG_ID}/{uuid4().hex}/raw.npy"
        sent = self._store(self.stack.bucket, key, raw)
        run, task = self._follow(DAG_ID, key)
        recorded = self._wait(lambda: self._find_record(run["dag_run_id"]), "the record")
        return Passage.from_airflow(sent, run, task, recorded)

    def pass_floor(self, raw: bytes) -> Passage:
        """Store the same object in the floor's bucket and return its times."""
        key = f"{uuid4().hex}/raw.npy"
        sent = self._store(FLOOR, key, raw)
        return Passage.from_airflow(sent, *self._follow(FLOOR, key))

    def _store(self, bucket: str, key: str, raw: bytes) -> datetime:
        # S3 may tell of the object before it answers.
        sent = datetime.now(UTC)
        self.s3.put_object(Bucket=bucket, Key=key, Body=raw)
        return sent

    def _follow(self, dag_id: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        run = self._wait(lambda: self._find_run(dag_id, key), f"a run of {dag_id}")
        path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances"
        [task] = self.airflow.get(path).raise_for_status().json()["task_instances"]
        if run["state"] != "success":
            raise StackError(f"A run of {dag_id} has failed; make logs.")
        return run, task

    def _find_run(self, dag_id: str, key: str) -> dict[str, Any] | None:
        params: dict[str, str | int] = {"limit": 3, "order_by": "-run_after"}
        answer = self.airflow.get(f"/dags/{dag_id}/dagRuns", params=params).raise_for_status()
        runs = [run for run in answer.json()["dag_runs"] if run["conf"].get("key") == key]
        return next((run for run in runs if run["state"] in _ENDED), None)

    def _find_record(self, dag_run_id: str) -> str | None:
        answer = self.api.get(f"/dag_runs/{dag_run_id}/", params={"task_instances": "false"})
        finished_at: str | None = answer.raise_for_status().json()["finished_at"]
        return finished_at

    @staticmethod
    def _wait(read: Callable[[], Any], what: str) -> Any:
        deadline_s = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline_s:
            if found := read():
                return found
            time.sleep(_POLL_S)
        raise StackError(f"After {_TIMEOUT_S:.0f} s: still waiting for {what}.")


@contextmanager
def connect(config: StackConfig, stack: Stack) -> Iterator[Pipeline]:
    """Return the clients of a running stack."""
    token = airflow.log_in(config, stack.airflow_password)
    with (
        _open(stack.api_url, stack.token) as api,
        _open(f"{stack.airflow_url}/api/v2", token) as airflow_api,
    ):
        if airflow_api.get(f"/dags/{FLOOR}").status_code != httpx.codes.OK:
            raise StackError("The stack that is up lacks the floor's DAG: make down first.")
        yield Pipeline(stack, api, airflow_api, make_client(config, "s3"))


def _open(base_url: str, token: str) -> httpx.Client:
    # Loopback only: a proxy of the environment must not come in between.
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False)


@contextmanager
def deploy_floor(config: StackConfig, stack: Stack) -> Iterator[None]:
    """Make the floor's bucket and function, and delete them in the end."""
    functions, s3 = make_client(config, "lambda"), make_client(config, "s3")
    arn = functions.create_function(
        FunctionName=FLOOR,
        Runtime=python_runtime(),
        Role="arn:aws:iam::000000000000:role/floor",
        Handler="floor_handler.lambda_handler",
        Code={"ZipFile": zip_handler()},
        Timeout=29,
        Environment={
            "Variables": {
                "AIRFLOW_URL": stack.airflow_url,
                "DAG_ID": FLOOR,
                "USERNAME": stack.airflow_username,
                "PASSWORD": stack.airflow_password,
            }
        },
    )["FunctionArn"]
    s3.create_bucket(Bucket=FLOOR)
    told = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=FLOOR, NotificationConfiguration={"LambdaFunctionConfigurations": [told]}
    )
    try:
        yield
    finally:
        for item in s3.list_objects_v2(Bucket=FLOOR).get("Contents", []):
            s3.delete_object(Bucket=FLOOR, Key=item["Key"])
        s3.delete_bucket(Bucket=FLOOR)
        functions.delete_function(FunctionName=FLOOR)


def zip_handler() -> bytes:
    """Return the floor's function as Lambda takes it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(Path(__file__).with_name("floor_handler.py"), "floor_handler.py")
    return packed.getvalue()


def make_dags_folder() -> Path:
    """Return a folder with the project's DAGs and the floor's; always the same one."""
    shutil.rmtree(DAGS_FOLDER, ignore_errors=True)
    shutil.copytree(ROOT / "dags", DAGS_FOLDER)
    shutil.copytree(Path(__file__).with_name("dags"), DAGS_FOLDER, dirs_exist_ok=True)
    return DAGS_FOLDER


def make_raw_data() -> bytes:
    """Return a small measurement, so that what is around the reconstruction is seen."""
    file = io.BytesIO()
    kspace = simulate_kspace(n_coils=_N_COILS, matrix_size=_MATRIX_SIZE, oversampling=1.0)
    np.save(file, kspace)
    return file.getvalue()


class _Nowhere:
    """An object store that keeps nothing."""

    def upload(self, key: str, body: bytes, content_type: str) -> None:
        """Forget an object."""


def time_reconstruction(raw: bytes, n_repeats: int) -> float:
    """Return what reading, reconstructing and encoding takes alone, warm [s]."""
    run = RunConf("floor", "bucket", "raw.npy", "result/floor", "http://127.0.0.1:9", "none")
    durations_s = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raw"
        path.write_bytes(raw)
        for _ in range(n_repeats + 1):
            begun_s = time.perf_counter()
            # The class of the real store is no protocol; this has the one method that is called.
            store_images(read_raw_data(path), run, _Nowhere(), lambda: None)  # type: ignore[arg-type]
            durations_s.append(time.perf_counter() - begun_s)
    return statistics.median(durations_s[1:])


def measure(pipeline: Pipeline, raw: bytes, n_objects: int) -> tuple[list[Passage], list[Passage]]:
    """Let objects take turns; return the times of both ways."""
    ours, floor = [], []
    pauses = Random(n_objects)  # noqa: S311 - no secret
    for n in range(n_objects + 1):
        time.sleep(pauses.uniform(0, _MAX_PAUSE_S))
        ours.append(pipeline.pass_ours(raw))
        time.sleep(pauses.uniform(0, _MAX_PAUSE_S))
        floor.append(pipeline.pass_floor(raw))
        print(f"{n} of {n_objects}", file=sys.stderr)
    # The first of each meets functions that are cold.
    return ours[1:], floor[1:]


def run(n_objects: int) -> str:
    """Measure on the stack, which is left as it was found, and return the table."""
    config = replace(StackConfig.from_environ(), dags_folder=make_dags_folder())
    was_up = is_up(config)
    raw = make_raw_data()
    try:
        stack = up(config)
        with connect(config, stack) as pipeline, deploy_floor(config, stack):
            ours, floor = measure(pipeline, raw, n_objects)
    finally:
        if not was_up:
            down(config)
    alone_ms = time_reconstruction(raw, n_objects) * 1000
    said = f"{describe_machine()}; {n_objects} objects of each."
    said += f" Of our task, the reconstruction alone: {alone_ms:.0f} ms."
    return f"{compare(ours, floor)}\n\n{said}"


def main() -> int:
    """Measure, print or write the table, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{N_QUICK} objects")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    asked = parser.parse_args()
    try:
        table = run(N_QUICK if asked.quick else N_OBJECTS)
        print(table)
        if asked.write:
            DOC.write_text(replace_block(DOC.read_text(), "pipeline", table))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
