from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from benchmarks.s3_sink import S3Sink, run_s3_sink
from benchmarks.upload import measure, write_random
from benchmarks.upload_servers import run_api
from local.config import DAG_ID, HOST, StackConfig, aws_environ
from scanhub_workflow import Client
from scanhub_workflow.models import UploadState
from workflow_manager.domain.upload import choose_part_size

PART_SIZE_BYTES = choose_part_size(1)
LAST_PART_SIZE_BYTES = 5
SIZE_BYTES = PART_SIZE_BYTES + LAST_PART_SIZE_BYTES


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "raw"
    write_random(path, SIZE_BYTES)
    return path


@pytest.fixture
def sink() -> Iterator[S3Sink]:
    with run_s3_sink() as sink:
        yield sink


@pytest.fixture
def client(sink: S3Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    for name, value in aws_environ(StackConfig(aws_port=sink.port)).items():
        monkeypatch.setenv(name, value)
    with run_api(tmp_path) as port, Client(f"http://{HOST}:{port}", "any") as client:
        yield client


def test_every_byte_arrives_once(sink: S3Sink, client: Client, path: Path) -> None:
    # Given a file that is larger than one part; when the client library uploads it
    n_before = sink.n_bytes
    done = client.upload(path, dag_id=DAG_ID)
    # Then the sink has counted each of its bytes once
    assert done.state is UploadState.COMPLETED
    assert sink.n_bytes == n_before + SIZE_BYTES


@pytest.mark.parametrize("way", ["Client.upload", "boto3, body unsigned", "FastAPI, file.read()"])
def test_benchmark_measures(way: str, path: Path) -> None:
    # Given a small file
    # When the benchmark sends it, server and clients being processes of their own
    measurement = measure(way, path, 2)
    # Then there is a number for everything
    assert all(value > 0 for value in astuple(measurement))
