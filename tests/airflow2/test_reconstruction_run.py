"""The project's own DAG on Airflow 2.11: listed, triggered by the orchestrator, done."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from local.aws import make_client
from local.config import DAG_ID
from local.phantom import simulate_kspace
from tests.airflow2.conftest import Airflow2
from workflow_manager.clients.http import build_http_client
from workflow_manager.orchestrators.airflow_rest import AirflowRestOrchestrator

BUCKET = "data-lake"
RUN_ID = "airflow2reconstruction"
RUN_TIMEOUT_S = 120


class Callback(BaseHTTPRequestHandler):
    """Takes what DAGs tell the workflow manager."""

    received: list[tuple[str, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.append((self.headers["Authorization"], body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def callback() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    received: list[tuple[str, dict[str, Any]]] = []
    handler = type("Handler", (Callback,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/results_ready/", received
        server.shutdown()
        thread.join()


@pytest.fixture
def s3(airflow2: Airflow2, tmp_path: Any) -> Iterator[Any]:
    file = tmp_path / "raw.npy"
    np.save(file, simulate_kspace(n_coils=2, matrix_size=64, oversampling=1.0))
    client = make_client(airflow2.config, "s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="upload/raw.npy", Body=file.read_bytes())
    yield client
    client.close()


def test_cartesian_reconstruction_runs_on_airflow_2(
    airflow2: Airflow2, s3: Any, callback: tuple[str, list[tuple[str, dict[str, Any]]]]
) -> None:
    # Given raw data and the DAG, listed and well
    endpoint, received = callback
    with build_http_client() as client:
        airflow2.api.get("/dags").raise_for_status()
        url = airflow2.config.airflow_url
        orchestrator = AirflowRestOrchestrator(client, url, lambda: airflow2.credentials, "v1")
        (dag,) = [dag for dag in orchestrator.list_dags() if dag.dag_id == DAG_ID]
        assert not dag.is_paused and not dag.has_import_errors
        # When it is triggered as `trigger_airflow` does
        conf: dict[str, str | None] = {
            "bucket": BUCKET,
            "key": "upload/raw.npy",
            "version_id": None,
            "dag_run_id": RUN_ID,
            "task_id": None,
            "output_prefix": f"result/{RUN_ID}/",
            "workflow_manager_endpoint": endpoint,
            "user_token": "callback-token",
        }
        orchestrator.trigger_dag_run(DAG_ID, RUN_ID, conf)
        assert orchestrator.has_dag_run(DAG_ID, RUN_ID)
    # Then it succeeds, tells so, and its results are there
    assert _wait_for_end(airflow2) == "success"
    token, last = received[-1]
    assert (token, last["success"]) == ("Bearer callback-token", True)
    keys = {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert any(key.startswith(f"result/{RUN_ID}/") and key.endswith(".dcm") for key in keys)


def _wait_for_end(airflow2: Airflow2) -> str:
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while True:
        run = airflow2.api.get(f"/dags/{DAG_ID}/dagRuns/{RUN_ID}").raise_for_status().json()
        if run["state"] in {"success", "failed"} or time.monotonic() > deadline:
            return str(run["state"])
        time.sleep(0.2)


def test_image_quality_is_listed_on_airflow_2(airflow2: Airflow2) -> None:
    dag = airflow2.api.get("/dags/image_quality").raise_for_status().json()

    assert dag["has_import_errors"] is False
    assert {tag["name"] for tag in dag["tags"]} == {"accepts:dicom", "processing"}
