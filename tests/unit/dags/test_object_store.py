from __future__ import annotations

import io
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from scanhub_dag import InputResult, RunError, deadline, object_store
from scanhub_dag.object_store import ObjectStore
from tests.fakes.slow_server import SLOW, Server
from tests.unit.dags.open_runs import BUCKET, KEY

RAW = InputResult(BUCKET, KEY)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDenied", "Input 1 was erased, or the worker's role may not read it."),
        ("MethodNotAllowed", "Input 1 is not in the data lake any more."),
        ("InvalidObjectState", "Input 1 is archived: it must be restored before a DAG can read"),
    ],
)
def test_download_says_why_s3_refuses(tmp_path: Path, s3: Any, code: str, sentence: str) -> None:
    store = ObjectStore()
    with Stubber(store._client) as stub, pytest.raises(RunError, match=sentence):
        stub.add_client_error("get_object", code)
        store.download(RAW, tmp_path / "raw", name="Input 1")


def test_download_fails_for_another_try_when_s3_is_away(tmp_path: Path, s3: Any) -> None:
    store = ObjectStore()
    with Stubber(store._client) as stub, pytest.raises(ClientError):
        stub.add_client_error("get_object", "ServiceUnavailable")
        store.download(RAW, tmp_path / "raw", name="Input 1")


def test_download_that_breaks_off_begins_again(tmp_path: Path, s3: Any) -> None:
    store, whole = ObjectStore(), b"raw data"
    with Stubber(store._client) as stub:
        for body in (whole[:3], whole):
            stream = StreamingBody(io.BytesIO(body), len(whole))
            stub.add_response("get_object", {"Body": stream, "ContentLength": len(whole)})
        store.download(RAW, tmp_path / "raw", name="Input 1")

    assert (tmp_path / "raw").read_bytes() == whole


def test_download_ends_although_s3_sends_a_byte_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed_s = count()
    now_s = [0]

    def pass_second() -> None:
        now_s[0] = next(passed_s)

    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    monkeypatch.setattr(object_store, "_N_TRIES", 1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "test")
    with Server(SLOW["body"], pass_second) as server, pytest.raises(ReadTimeoutError):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server.address}")
        ObjectStore().download(RAW, tmp_path / "raw", name="Input 1")


def test_download_leaves_room_on_the_disk(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=bytes(1001))
    monkeypatch.setattr(object_store, "find_room", lambda _: 1000)

    with pytest.raises(RunError, match="too large for the disk of the worker"):
        ObjectStore().download(RAW, tmp_path / "raw", name="Input 1")

    assert (tmp_path / "raw").stat().st_size == 0
