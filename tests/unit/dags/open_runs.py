"""A run of the kit without Airflow: S3 in memory, a workflow manager that keeps what it hears."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import httpx
from moto import mock_aws

from workflow_manager.services.receive_results import Callback

BUCKET, KEY, DAG_ID = "data-lake", "upload/cartesian_reconstruction/u/raw.h5", "some_dag"
CONF: dict[str, Any] = {
    "directory": "upload/cartesian_reconstruction/u",
    "file_name": "raw.h5",
    "workflow_manager_endpoint": "https://scanhub.test/results_ready/",
    "user_token": "run.secret-of-the-run",
    "bucket": BUCKET,
    "key": KEY,
    "version_id": None,
    "dag_run_id": "run-1",
    "task_id": None,
    "output_prefix": "result/run-1",
}


class StartedRun:
    """What the kit needs of Airflow's `dag_run`."""

    def __init__(self, **conf: Any) -> None:
        self.dag_id = DAG_ID
        self.conf: dict[str, Any] | None = CONF | conf


class WorkflowManager:
    """Keeps the bodies sent to `/results_ready/`, if the real one would understand them."""

    def __init__(self, *status_codes: int) -> None:
        self.status_codes = list(status_codes)
        self.bodies: list[dict[str, Any]] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        Callback.model_validate_json(request.content)
        self.bodies.append(json.loads(request.content))
        return httpx.Response(self.status_codes.pop(0) if self.status_codes else 200)


@contextmanager
def serve_s3() -> Iterator[Any]:
    """Yield a client of an S3 in memory, which holds the empty data lake."""
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client
