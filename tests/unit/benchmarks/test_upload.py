from collections.abc import Iterator
from dataclasses import astuple, replace
from pathlib import Path

import httpx
import pytest

from benchmarks.presigned_parts import CHUNK_SIZE_BYTES, PresignedPart, send_parts
from benchmarks.s3_sink import S3Sink, run_s3_sink
from benchmarks.upload import measure, write_random

PART_SIZE_BYTES = CHUNK_SIZE_BYTES + 7
LAST_PART_SIZE_BYTES = 5
SIZE_BYTES = 2 * PART_SIZE_BYTES + LAST_PART_SIZE_BYTES


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
def client(sink: S3Sink) -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def plan_parts(sink: S3Sink) -> list[PresignedPart]:
    sizes = [PART_SIZE_BYTES, PART_SIZE_BYTES, LAST_PART_SIZE_BYTES]
    url = f"http://127.0.0.1:{sink.port}/data-lake/raw?uploadId=1&partNumber="
    return [
        PresignedPart(i * PART_SIZE_BYTES, size_bytes, f"{url}{i + 1}")
        for i, size_bytes in enumerate(sizes)
    ]


@pytest.mark.parametrize("n_at_once", [1, 8])
def test_every_byte_arrives_once_and_etags_are_in_order(
    sink: S3Sink, client: httpx.Client, path: Path, n_at_once: int
) -> None:
    # Given the parts of a whole file
    parts = plan_parts(sink)
    # When they are sent
    etags = send_parts(client, path, parts, n_at_once)
    # Then all bytes were counted, and each ETag is that of its part
    assert sink.n_bytes == SIZE_BYTES
    sizes = [PART_SIZE_BYTES, PART_SIZE_BYTES, LAST_PART_SIZE_BYTES]
    assert etags == [f'"{1 + i}-{size}"' for i, size in enumerate(sizes)]


def test_missing_parts_alone_are_sent(sink: S3Sink, client: httpx.Client, path: Path) -> None:
    # Given an upload of which the last part is missing
    parts = plan_parts(sink)[2:]
    # When that is sent
    etags = send_parts(client, path, parts)
    # Then nothing else was
    assert etags == [f'"3-{LAST_PART_SIZE_BYTES}"']
    assert sink.n_bytes == LAST_PART_SIZE_BYTES


def test_body_is_that_piece_of_the_file(path: Path) -> None:
    # Given a server that keeps what it gets
    bodies: dict[str, bytes] = {}

    def keep(request: httpx.Request) -> httpx.Response:
        bodies[request.url.path] = request.read()
        assert request.headers["Content-Length"] == str(len(bodies[request.url.path]))
        return httpx.Response(200, headers={"ETag": '"x"'})

    parts = [replace(part, url=f"http://s3/{i}") for i, part in enumerate(plan_parts(S3Sink()))]
    # When the parts are sent
    with httpx.Client(transport=httpx.MockTransport(keep)) as client:
        send_parts(client, path, parts)
    # Then joined they are the file
    assert b"".join(bodies[f"/{i}"] for i in range(len(parts))) == path.read_bytes()


def test_refused_part_raises(path: Path) -> None:
    # Given a server that no longer takes the URL
    transport = httpx.MockTransport(lambda request: httpx.Response(403))
    # When a part is sent, then the sender hears of it
    with httpx.Client(transport=transport) as client, pytest.raises(httpx.HTTPStatusError):
        send_parts(client, path, [PresignedPart(0, 5, "http://s3/1")])


def test_file_that_got_shorter_raises(sink: S3Sink, client: httpx.Client, path: Path) -> None:
    # Given a part that reaches beyond the end of the file
    part = replace(plan_parts(sink)[2], size_bytes=LAST_PART_SIZE_BYTES + 1)
    # When it is sent, then it is not taken for sent
    with pytest.raises(EOFError):
        send_parts(client, path, [part])
    assert sink.n_bytes == 0


@pytest.mark.parametrize(
    ("server", "way"),
    [
        ("sink", "presigned parts"),
        ("sink", "boto3, body unsigned"),
        ("endpoint", "FastAPI, file.read()"),
    ],
)
def test_benchmark_measures(server: str, way: str, path: Path) -> None:
    # Given a small file
    # When the benchmark sends it, server and clients being processes of their own
    measurement = measure(server, way, path, 2)
    # Then there is a number for everything
    assert all(value > 0 for value in astuple(measurement))
