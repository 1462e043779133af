"""From an object in S3 to a recorded result on the laptop stack, beside the least possible.

    make benchmark-pipeline [QUICK=1] [WRITE=1]

The least, called the floor, is on the same stack at the same time: S3 calls a function of one file
that only POSTs to Airflow (floor_handler.py), which runs a DAG whose task does nothing
(dags/floor.py). Objects take turns, one at a time, after one of each to warm up. Airflow's
scheduler works in rounds: pauses of random length keep the turns from falling into step with it.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import httpx
import numpy as np

from benchmarks.report import describe_machine, make_table, percentile, run_command
from local import airflow
from local.aws import make_client
from local.config import DAG_ID, ROOT, StackConfig, StackError, python_runtime
from local.phantom import simulate_kspace
from local.stack import Stack, down, is_up, up

DAGS_FOLDER = ROOT / ".local-benchmark-dags"
FLOOR = "floor"
N_OBJECTS, N_QUICK = 15, 3
TOTAL = "**PUT of the object → result recorded**"
_N_COILS, _MATRIX_SIZE = 2, 64
# Ask Airflow rarely: on SQLite, readers hold up the scheduler.
_POLL_S = 0.5
_TIMEOUT_S = 120.0
_MAX_PAUSE_S = 1.5

Passage = dict[str, float]
"""How long one object took [s], by the part of its way, `TOTAL` last."""


def split(
    sent: datetime, run: Mapping[str, Any], task: Mapping[str, Any], recorded: str
) -> Passage:
    """Return the parts of the time from the PUT of an object to its recorded result."""
    read = datetime.fromisoformat
    created, started, ended = (read(run[name]) for name in ("queued_at", "start_date", "end_date"))
    task_started, task_ended = read(task["start_date"]), read(task["end_date"])
    spans = {
        "PUT of the object → DAG run created": (sent, created),
        "created → run under way": (created, started),
        "under way → task's process": (started, task_started),
        "the task": (task_started, task_ended),
        "task's end → run's end": (task_ended, ended),
        TOTAL: (sent, read(recorded)),
    }
    return {name: (end - begin).total_seconds() for name, (begin, end) in spans.items()}


def compare(ours: Sequence[Passage], floor: Sequence[Passage]) -> str:
    """Return the parts of both ways as a table in Markdown."""
    head = ["", "ours: median ms", "p95 ms", "floor: median ms", "p95 ms", "ours / floor"]
    rows = []
    for name in ours[0]:
        sides = [[each[name] * 1e3 for each in passages] for passages in (ours, floor)]
        cells_ms = [percentile(side, percent) for side in sides for percent in (50, 95)]
        mine_ms, _, least_ms, _ = cells_ms
        ratio = f"{mine_ms / least_ms:.1f}" if least_ms > 0 else "-"
        rows.append([name, *(f"{ms:.0f}" for ms in cells_ms), ratio])
    return make_table(head, rows)


@dataclass(frozen=True)
class Pipeline:
    """The clients of a running stack: of our API as the operator, of Airflow and of S3."""

    stack: Stack
    api: httpx.Client
    airflow: httpx.Client
    s3: Any

    def pass_ours(self, raw: bytes) -> Passage:
        """Store an object in the data lake and return its times."""
        key = f"upload/{DAG_ID}/{uuid4().hex}/raw.npy"
        sent = self._store(self.stack.bucket, key, raw)
        run, task = self._follow(DAG_ID, key)
        path = f"/dag_runs/{run['dag_run_id']}/"
        recorded = self._wait(lambda: self._get(self.api, path, task_instances="false"), "record")
        return split(sent, run, task, recorded["finished_at"])

    def pass_floor(self, raw: bytes) -> Passage:
        """Store the same object in the floor's bucket and return its times."""
        key = f"{uuid4().hex}/raw.npy"
        sent = self._store(FLOOR, key, raw)
        run, task = self._follow(FLOOR, key)
        return split(sent, run, task, task["end_date"])

    def _store(self, bucket: str, key: str, raw: bytes) -> datetime:
        # S3 may send the event before it answers.
        sent = datetime.now(UTC)
        self.s3.put_object(Bucket=bucket, Key=key, Body=raw)
        return sent

    def _follow(self, dag_id: str, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        run = self._wait(lambda: self._find_run(dag_id, key), f"run of {dag_id}")
        if run["state"] != "success":
            raise StackError(f"A run of {dag_id} has failed; make logs.")
        path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances"
        [task] = self._get(self.airflow, path)["task_instances"]
        return run, task

    def _find_run(self, dag_id: str, key: str) -> dict[str, Any]:
        path = f"/dags/{dag_id}/dagRuns"
        runs = self._get(self.airflow, path, limit=3, order_by="-run_after")["dag_runs"]
        return next((run for run in runs if run["conf"].get("key") == key), {})

    @staticmethod
    def _get(client: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
        return dict(client.get(path, params=params).raise_for_status().json())

    @staticmethod
    def _wait(read: Callable[[], dict[str, Any]], what: str) -> dict[str, Any]:
        """Return what `read` finds once the run has ended."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline_s:
            found = read()
            if found.get("end_date") or found.get("finished_at"):
                return found
            time.sleep(_POLL_S)
        raise StackError(f"After {_TIMEOUT_S:.0f} s: still waiting for the {what}.")


@contextmanager
def connect(config: StackConfig, stack: Stack) -> Iterator[Pipeline]:
    """Return the clients of a running stack, with the floor deployed while they are used."""
    token = airflow.log_in(config, stack.airflow_password)
    s3 = make_client(config, "s3")
    with (
        _open(stack.api_url, stack.token) as api,
        _open(f"{stack.airflow_url}/api/v2", token) as airflow_api,
    ):
        if airflow_api.get(f"/dags/{FLOOR}").status_code != httpx.codes.OK:
            raise StackError("The stack that is up lacks the floor's DAG: make down first.")
        with deploy_floor(config, stack):
            yield Pipeline(stack, api, airflow_api, s3)


def _open(base_url: str, token: str) -> httpx.Client:
    # Loopback only: a proxy of the environment must not come in between.
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=30, trust_env=False)


@contextmanager
def deploy_floor(config: StackConfig, stack: Stack) -> Iterator[None]:
    """Make the floor's bucket and function, and delete them at the end."""
    functions, iam, s3 = (make_client(config, name) for name in ("lambda", "iam", "s3"))
    principal = {"Service": "lambda.amazonaws.com"}
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    role = iam.create_role(RoleName=FLOOR, AssumeRolePolicyDocument=policy)["Role"]
    variables = {
        "AIRFLOW_URL": stack.airflow_url,
        "DAG_ID": FLOOR,
        "USERNAME": stack.airflow_username,
        "PASSWORD": stack.airflow_password,
    }
    arn = functions.create_function(
        FunctionName=FLOOR,
        Runtime=python_runtime(),
        Role=role["Arn"],
        Handler="floor_handler.lambda_handler",
        Code={"ZipFile": zip_handler()},
        Timeout=29,
        Environment={"Variables": variables},
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
        iam.delete_role(RoleName=FLOOR)


def zip_handler() -> bytes:
    """Return the floor's function as the ZIP file that Lambda takes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(Path(__file__).with_name("floor_handler.py"), "floor_handler.py")
    return packed.getvalue()


def make_dags_folder() -> Path:
    """Return a folder with the project's DAGs and the floor's; always the same one."""
    shutil.rmtree(DAGS_FOLDER, ignore_errors=True)
    shutil.copytree(ROOT / "dags", DAGS_FOLDER)
    return shutil.copytree(Path(__file__).with_name("dags"), DAGS_FOLDER, dirs_exist_ok=True)


def make_raw_data() -> bytes:
    """Return a small measurement, so that the reconstruction takes little of the time."""
    file = io.BytesIO()
    np.save(file, simulate_kspace(n_coils=_N_COILS, matrix_size=_MATRIX_SIZE, oversampling=1.0))
    return file.getvalue()


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
    # The first object of each meets cold functions.
    return ours[1:], floor[1:]


def run(is_quick: bool) -> str:
    """Measure on the stack, which is left as it was found, and return the table."""
    n_objects = N_QUICK if is_quick else N_OBJECTS
    config = replace(StackConfig.from_environ(), dags_folder=make_dags_folder())
    was_up = is_up(config)
    raw = make_raw_data()
    try:
        with connect(config, up(config)) as pipeline:
            ours, floor = measure(pipeline, raw, n_objects)
    finally:
        if not was_up:
            down(config)
    return f"{compare(ours, floor)}\n\n{describe_machine()}; {n_objects} objects of each."


if __name__ == "__main__":
    run_command(run, "pipeline")
