import errno
import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from scanhub_workflow import Client, UploadProgress, errors, files
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer, refuse
from tests.unit.client.conftest import FakeClock


def upload(client: Client, file: Path) -> None:
    client.upload(file, dag_id="d")


def test_file_arrives_whole_and_in_order(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # When a file of ten parts is uploaded
    done = client.upload(file, dag_id="cartesian_reconstruction")

    # Then S3 holds it, it was planned with a key of its own, and the run is named
    assert server.whole == file.read_bytes()
    assert server.body == {
        "dag_id": "cartesian_reconstruction",
        "file_name": "scan.h5",
        "size_bytes": 95,
        "content_type": "application/octet-stream",
    }
    assert re.fullmatch("[0-9a-f]{32}", server.requests[0].headers["Idempotency-Key"])
    assert done.dag_run_id == "run-1"


def test_urls_are_fetched_by_windows(client: Client, server: FakeUploadServer, file: Path) -> None:
    # Given a file of 250 parts
    file.write_bytes(os.urandom(2500))

    # When it is uploaded
    client.upload(file, task_id="t")

    # Then the URLs came a hundred at a time
    windows = [r.url.params["from_part"] for r in server.requests if r.method == "GET"]
    assert windows == ["101", "201"]
    assert server.whole == file.read_bytes()


def test_parts_are_read_in_chunks(
    client: Client, server: FakeUploadServer, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given chunks that are no divisor of a part
    monkeypatch.setattr(files, "CHUNK_SIZE_BYTES", 3)
    told: list[UploadProgress] = []

    # When a file is uploaded
    client.upload(file, dag_id="d", on_progress=told.append)

    # Then it is whole, and every chunk was told
    assert server.whole == file.read_bytes()
    assert [told[0].sent_bytes, told[-1].sent_bytes] == [0, 95]
    assert {each.upload_id for each in told} == {UPLOAD_ID}
    assert len(told) == 1 + 9 * 4 + 2


def test_eight_parts_are_sent_at_once(
    make_client: Callable[..., Client], server: FakeUploadServer, file: Path
) -> None:
    # Given 16 parts, and an S3 that answers none before eight are there
    file.write_bytes(os.urandom(160))
    eight = threading.Barrier(8, timeout=10)
    there, most = [], []

    def answer(request: httpx.Request) -> httpx.Response:
        there.append(request)
        most.append(len(there))
        eight.wait()
        there.remove(request)
        eight.wait()
        return server.answer_s3(request)

    # When they are uploaded, then eight come at once, and never more
    upload(make_client(server.answer_api, answer), file)
    assert server.whole == file.read_bytes()
    assert max(most) == 8


@pytest.mark.parametrize("status", [500, 503, 429])
def test_part_is_sent_again(
    client: Client, server: FakeUploadServer, file: Path, fake_clock: FakeClock, status: int
) -> None:
    # Given an S3 that fails twice at part 3
    server.put_fault = lambda part, n: httpx.Response(status) if part == 3 and n < 3 else None
    told: list[UploadProgress] = []

    # When a file is uploaded
    client.upload(file, dag_id="d", on_progress=told.append)

    # Then it was sent again after growing waits, and progress is not more than the file
    assert server.whole == file.read_bytes()
    assert server.puts[3] == 3
    assert fake_clock.sleeps == [1, 2]
    assert told[-1].sent_bytes == 95


def test_broken_connections_are_tried_a_bounded_number_of_times(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given a network that breaks at part 2
    def break_off(part: int, n_puts: int) -> None:
        if part == 2:
            raise httpx.WriteError("broken")

    server.put_fault = break_off

    # When a file is uploaded, then the error says how to go on
    with pytest.raises(errors.UploadInterruptedError, match=f"resume upload {UPLOAD_ID}"):
        upload(client, file)
    assert server.puts[2] == 4


@pytest.mark.parametrize("status", [403, 400])
def test_expired_url_is_signed_again(
    client: Client, server: FakeUploadServer, file: Path, status: int
) -> None:
    # Given URLs that expire after part 4 came, or the credentials that signed them do
    server.expired_status = status

    def expire(part: int, n_puts: int) -> None:
        if part == 4 and n_puts == 1:
            server.generation = 1

    server.put_fault = expire

    # When a file is uploaded
    upload(client, file)

    # Then each refused part got a URL of its own
    assert server.whole == file.read_bytes()
    signed = [r.url.params for r in server.requests if r.method == "GET"]
    assert {params["limit"] for params in signed} == {"1"}
    assert "4" in {params["from_part"] for params in signed}


def test_part_that_arrived_without_an_answer_counts(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given an S3 that keeps part 5, whose answer gets lost, and refuses its URL afterwards
    def lose(part: int, n_puts: int) -> httpx.Response | None:
        if part == 5 and n_puts == 1:
            server.parts[5] = file.read_bytes()[40:50]
            raise httpx.ReadError("broken")
        return httpx.Response(403) if part == 5 else None

    server.put_fault = lose

    # When a file is uploaded, then it is whole
    upload(client, file)
    assert server.whole == file.read_bytes()


def test_damaged_part_is_sent_again(client: Client, server: FakeUploadServer, file: Path) -> None:
    # Given an S3 that received something else at first
    damaged = httpx.Response(200, headers={"ETag": "e", "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="})
    server.put_fault = lambda part, n: damaged if part == 1 and n == 1 else None

    # When a file is uploaded, then the part is sent once more
    upload(client, file)
    assert server.puts[1] == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, errors.UploadClosedError),
        (412, errors.UploadRefusedError),
        (403, errors.UploadRefusedError),
        (503, errors.UploadInterruptedError),
        (200, errors.UploadRefusedError),
    ],
)
def test_refusal_of_s3_ends_the_upload(
    client: Client,
    server: FakeUploadServer,
    file: Path,
    status: int,
    error: type[errors.UploadError],
) -> None:
    # Given an S3 that goes on answering so
    server.put_fault = lambda part, n: httpx.Response(status, text="<Code>Because</Code><a>s</a>")

    # When a file is uploaded, then the error names the upload, and no URL
    with pytest.raises(error) as caught:
        upload(client, file)
    assert caught.value.upload_id == UPLOAD_ID
    assert UPLOAD_ID in str(caught.value)
    assert "secret" not in str(caught.value)
    assert server.state == "CREATED"


def test_refused_plan_is_the_apis_own_error(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    server.api_fault = lambda n: refuse(409, "The DAG is paused.")
    with pytest.raises(errors.ConflictError, match="The DAG is paused"):
        upload(client, file)


def test_refused_whole_names_the_reason(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given an S3 that loses a byte on disk
    server.tells_crc = False
    server.put_fault = lambda part, n: None
    server.api_fault = lambda n: refuse(409, "Another CRC-64/NVME.") if n == 2 else None
    with pytest.raises(errors.UploadRefusedError, match="Another CRC"):
        upload(client, file)


def test_error_of_the_caller_stops_the_upload(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given a display that breaks
    def tell(progress: UploadProgress) -> None:
        if progress.sent_bytes >= 30:
            raise BrokenPipeError(errno.EPIPE, "broken")

    # When a file is uploaded, then its own error comes, and nothing is completed
    with pytest.raises(BrokenPipeError):
        client.upload(file, dag_id="d", on_progress=tell)
    assert server.state == "CREATED"


def test_one_target_is_to_be_named(client: Client, file: Path) -> None:
    for target in ({}, {"dag_id": "d", "task_id": "t"}, {"dag_id": "d", "resume": "u"}):
        with pytest.raises(ValueError, match="Name one of"):
            client.upload(file, **target)


def test_no_signature_reaches_the_log(
    client: Client, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a caller who logs everything
    caplog.set_level(logging.DEBUG, "httpx")

    # When a file is uploaded, then the requests are in the log without what signs them
    upload(client, file)
    assert "data-lake.s3.invalid" in caplog.text
    assert "secret" not in caplog.text
    assert "a-token" not in caplog.text


def test_upload_is_one_trace(client: Client, server: FakeUploadServer, file: Path) -> None:
    # When two files are uploaded
    for _ in range(2):
        server.state, server.parts = "CREATED", {}
        client.upload(file, dag_id="fft")

    # Then what plans and what completes one have its trace in common, and nothing with the other
    traces = [r.headers["traceparent"] for r in server.requests if r.method == "POST"]
    assert traces[0] == traces[1] != traces[2] == traces[3]
    assert all(re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace) for trace in traces)
