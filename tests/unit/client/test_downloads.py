import errno
import io
import logging
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from scanhub_workflow import Client, DownloadProgress, errors, fetch
from scanhub_workflow.targets import MARKER, locate
from tests.fakes.result_server import PREFIX, RUN_ID, FakeResultServer
from tests.fakes.upload_server import refuse
from tests.unit.client.conftest import FakeClock

FILES = {
    "a.dcm": bytes(range(50)),
    "b.mrd": bytes(range(100, 135)),
    "series/1/c.dcm": b"c" * 20,
    "empty.log": b"",
}
A = PREFIX + "a.dcm"
EXISTS = errors.TargetExistsError
INTERRUPTED = errors.DownloadInterruptedError


@pytest.fixture
def server() -> FakeResultServer:
    return FakeResultServer(FILES)


@pytest.fixture
def client(make_client: Callable[..., Client], server: FakeResultServer) -> Client:
    return make_client(server.answer_api, server.answer_s3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "of" / "a-patient"


def read_all(folder: Path) -> dict[str, bytes]:
    """Return all that is below a folder, but the note of its run: what should not be there too."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MARKER)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_files_arrive_whole_in_their_folders(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a series that shares one preview, and a folder that the DAG reported
    server.objects[PREFIX + "preview.png"] = b"picture"
    server.previews = {A: PREFIX + "preview.png", PREFIX + "b.mrd": PREFIX + "preview.png"}
    server.unavailable[PREFIX + "series/"] = "This is a folder."

    # When the run is downloaded
    paths = client.download(RUN_ID, folder)

    # Then everything is there once, named in order, and for its owner only
    assert read_all(folder) == FILES | {"preview.png": b"picture"}
    assert [path.relative_to(folder).as_posix() for path in paths] == sorted(read_all(folder))
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert set(server.gets.values()) == {1}


def test_unfinished_file_has_another_name(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a look into the folder while a file is on its way
    server.objects = {A: FILES["a.dcm"]}
    seen: list[tuple[str, int]] = []

    def look(key: str, n_gets: int) -> None:
        others = (path for path in folder.iterdir() if path.name != MARKER)
        seen.extend((path.name, path.stat().st_mode & 0o777) for path in others)

    server.s3_fault = look

    # When it is downloaded, then it lay there hidden
    client.download(RUN_ID, folder)
    [(name, mode)] = seen
    assert name.startswith(".")
    assert name.endswith(".part")
    assert mode == 0o600


def test_progress_is_told_by_chunks(
    client: Client, server: FakeResultServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given chunks of 8 bytes, and a preview, whose size is not listed
    monkeypatch.setattr(fetch, "CHUNK_SIZE_BYTES", 8)
    server.objects = {A: bytes(50), PREFIX + "preview.png": bytes(10)}
    server.previews = {A: PREFIX + "preview.png"}
    told: list[DownloadProgress] = []

    # When the run is downloaded
    client.download(RUN_ID, folder, on_progress=told.append)

    # Then it was told at first, with every chunk, and at the end
    assert told[0] == DownloadProgress(0, 50, 0, 2)
    assert told[-1] == DownloadProgress(60, 60, 2, 2)
    assert len(told) == 1 + 1 + (2 + 1) + (7 + 1)


def test_four_files_come_at_once(
    make_client: Callable[..., Client], server: FakeResultServer, folder: Path
) -> None:
    # Given eight files, and an S3 that answers none before four were asked for
    server.objects = {f"{PREFIX}{n}": bytes([n]) for n in range(8)}
    four = threading.Barrier(4, timeout=10)
    there, most = [], []

    def answer(request: httpx.Request) -> httpx.Response:
        there.append(request)
        most.append(len(there))
        four.wait()
        there.remove(request)
        four.wait()
        return server.answer_s3(request)

    # When they are downloaded, then four come at once, and never more
    make_client(server.answer_api, answer).download(RUN_ID, folder)
    assert len(read_all(folder)) == 8
    assert max(most) == 4


def test_long_lists_are_read_to_the_end(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    server.objects = {f"{PREFIX}{n:03}.dcm": bytes([n]) for n in range(250)}
    assert len(client.download(RUN_ID, folder)) == 250
    assert len(server.api_paths) == 1 + 3


def test_download_goes_on_where_it_was_left(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a download of which S3 gave three files
    server.objects[PREFIX + "preview.png"] = b"picture"
    server.previews = {A: PREFIX + "preview.png"}
    server.s3_fault = lambda key, n: httpx.Response(503) if key == A else None
    with pytest.raises(INTERRUPTED):
        client.download(RUN_ID, folder)
    kept = read_all(folder)
    server.s3_fault = lambda key, n: None
    before = server.gets.copy()
    told: list[DownloadProgress] = []

    # When it is downloaded again
    paths = client.download(RUN_ID, folder, on_progress=told.append)

    # Then what was there counted, and was not asked for again
    assert read_all(folder) == FILES | {"preview.png": b"picture"}
    assert len(paths) == 5
    asked = {key.removeprefix(PREFIX) for key in server.gets - before}
    assert asked - {"preview.png"} == {*FILES} - {*kept}
    assert told[0].n_done == len({*kept} - {"preview.png"})
    assert told[-1] == DownloadProgress(112, 112, 5, 5)


def test_complete_preview_is_not_read_again(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a run that was downloaded with its preview
    server.objects[PREFIX + "preview.png"] = b"picture"
    server.previews = {A: PREFIX + "preview.png"}
    client.download(RUN_ID, folder)
    before = (folder / "preview.png").stat()

    # When it is downloaded again, then the preview is the same file as before
    client.download(RUN_ID, folder)
    assert (folder / "preview.png").stat().st_ino == before.st_ino


@pytest.mark.parametrize("name", ["a.dcm", "preview.png"])
def test_other_file_stays_unless_it_may_be_overwritten(
    client: Client, server: FakeResultServer, folder: Path, name: str
) -> None:
    # Given a run that was downloaded, and a file of it that has changed since
    server.objects = {A: b"image", PREFIX + "preview.png": b"picture"}
    server.previews = {A: PREFIX + "preview.png"}
    client.download(RUN_ID, folder)
    (folder / name).write_bytes(b"my own")

    # When the run is downloaded, then it stays, and the error names the key
    with pytest.raises(EXISTS, match="is_overwriting") as caught:
        client.download(RUN_ID, folder)
    assert caught.value.keys == (PREFIX + name,)
    assert read_all(folder)[name] == b"my own"

    # When it may be overwritten, then it is
    client.download(RUN_ID, folder, is_overwriting=True)
    assert read_all(folder) == {"a.dcm": b"image", "preview.png": b"picture"}


@pytest.mark.parametrize("marker", ["run-0", None])
def test_file_of_another_run_is_not_taken_for_this_runs(
    client: Client, server: FakeResultServer, folder: Path, marker: str | None
) -> None:
    # Given a folder with a file of the same name and size, of another run or from elsewhere
    server.objects = {A: b"image"}
    folder.mkdir(parents=True)
    (folder / "a.dcm").write_bytes(b"egami")
    if marker:
        (folder / MARKER).write_text(marker)

    # When this run is downloaded there; then nothing is touched
    with pytest.raises(errors.OtherRunError, match="name another folder"):
        client.download(RUN_ID, folder)
    assert (read_all(folder), server.gets) == ({"a.dcm": b"egami"}, {})

    # When it may be overwritten, then it is, and the folder is this run's
    client.download(RUN_ID, folder, is_overwriting=True)
    assert read_all(folder) == {"a.dcm": b"image"}
    client.download(RUN_ID, folder)


def test_folder_is_never_overwritten(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    (folder / "a.dcm").mkdir(parents=True)
    with pytest.raises(errors.UnwritableFolderError):
        client.download(RUN_ID, folder, is_overwriting=True)
    assert not server.gets


@pytest.mark.parametrize("cut_error", [httpx.ReadError("broken"), None])
def test_file_goes_on_where_it_broke_off(
    client: Client,
    server: FakeResultServer,
    folder: Path,
    fake_clock: FakeClock,
    cut_error: Exception | None,
) -> None:
    # Given an S3 that breaks off after 20 bytes, and again after 12 more
    server.objects = {A: FILES["a.dcm"]}
    server.cut = lambda key, n: {1: 20, 2: 12}.get(n)
    server.cut_error = cut_error

    # When it is downloaded
    client.download(RUN_ID, folder)

    # Then the rest alone was asked for, of the same object
    assert read_all(folder) == {"a.dcm": FILES["a.dcm"]}
    asked = [(r.headers.get("Range"), r.headers.get("If-Match")) for r in server.s3_requests]
    assert asked == [(None, None), ("bytes=20-", '"1"'), ("bytes=32-", '"1"')]
    assert fake_clock.sleeps == [1, 2]


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_without_an_etag_it_begins_anew(
    client: Client, server: FakeResultServer, folder: Path, etag: str
) -> None:
    # Given an S3 that cannot say whether the object is the same
    server.objects, server.etag = {A: FILES["a.dcm"]}, etag
    server.cut = lambda key, n: 20 if n == 1 else None
    told: list[DownloadProgress] = []

    # When it breaks off, then the whole is asked for again, and counted once
    client.download(RUN_ID, folder, on_progress=told.append)
    assert read_all(folder) == {"a.dcm": FILES["a.dcm"]}
    assert [r.headers.get("Range") for r in server.s3_requests] == [None, None]
    assert told[-1].done_bytes == 50


def test_server_without_ranges_begins_anew(
    client: Client, server: FakeResultServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "CHUNK_SIZE_BYTES", 8)
    server.objects, server.is_ranging = {A: FILES["a.dcm"]}, False
    server.cut = lambda key, n: 20 if n == 1 else None
    told: list[DownloadProgress] = []
    client.download(RUN_ID, folder, on_progress=told.append)
    assert read_all(folder) == {"a.dcm": FILES["a.dcm"]}
    assert told[-1] == DownloadProgress(50, 50, 1, 1)
    assert max(each.done_bytes for each in told) == 50


def test_another_part_than_asked_for_is_not_appended(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a cache that answers the second request with the wrong part
    server.objects = {A: FILES["a.dcm"]}
    server.cut = lambda key, n: 20 if n == 1 else None
    headers = {"Content-Range": "bytes 0-29/50"}
    wrong = httpx.Response(206, headers=headers, content=iter([bytes(30)]))
    server.s3_fault = lambda key, n: wrong if n == 2 else None

    # When it is downloaded, then it begins anew
    client.download(RUN_ID, folder)
    assert read_all(folder) == {"a.dcm": FILES["a.dcm"]}
    assert server.gets[A] == 3


def test_changed_object_begins_anew(client: Client, server: FakeResultServer, folder: Path) -> None:
    # Given an object that is replaced after 20 of its bytes have come
    server.objects = {A: FILES["a.dcm"]}
    server.cut = lambda key, n: 20 if n == 1 else None

    def change(key: str, n_gets: int) -> None:
        if n_gets == 2:
            server.objects[A], server.etag = b"n" * 50, '"2"'

    server.s3_fault = change

    # When it is downloaded, then nothing is mixed
    client.download(RUN_ID, folder)
    assert read_all(folder) == {"a.dcm": b"n" * 50}


@pytest.mark.parametrize("size_bytes", [49, 51])
def test_object_of_another_size_is_not_taken(
    client: Client, server: FakeResultServer, folder: Path, size_bytes: int
) -> None:
    # Given an object that is replaced by one of another size once it is listed
    server.objects = {A: FILES["a.dcm"]}

    def change(key: str, n_gets: int) -> None:
        server.objects[A] = bytes(size_bytes)

    server.s3_fault = change

    # When it is downloaded, then it is asked for a bounded number of times, and nothing is left
    with pytest.raises(INTERRUPTED, match="Download again"):
        client.download(RUN_ID, folder)
    assert server.gets[A] == 4
    assert read_all(folder) == {}


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_failure_is_tried_again(
    client: Client, server: FakeResultServer, folder: Path, status: int
) -> None:
    server.s3_fault = lambda key, n: httpx.Response(status) if n < 4 else None
    client.download(RUN_ID, folder)
    assert read_all(folder) == FILES


def fail_to_connect(key: str, n_gets: int) -> httpx.Response:
    raise httpx.ConnectError("https://data-lake.s3.invalid/?X-Amz-Signature=secret")


@pytest.mark.parametrize(
    "fault",
    [
        fail_to_connect,
        lambda key, n: httpx.Response(503, text="<Code>SlowDown</Code><a>secret</a>"),
        lambda key, n: httpx.Response(403, text="<Code>AccessDenied</Code><a>secret</a>"),
    ],
)
def test_lasting_failure_is_bounded_and_said(
    client: Client,
    server: FakeResultServer,
    folder: Path,
    fault: Callable[[str, int], httpx.Response],
) -> None:
    # Given an S3 that goes on so
    server.objects, server.s3_fault = {A: FILES["a.dcm"]}, fault

    # When it is downloaded, then the error says what to do, and neither URL nor path
    with pytest.raises(INTERRUPTED, match="Download again: what is complete stays") as caught:
        client.download(RUN_ID, folder)
    assert server.gets[A] == 4
    assert "secret" not in str(caught.value)
    assert "patient" not in str(caught.value)
    assert read_all(folder) == {}


def test_refusal_of_s3_is_not_repeated(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    server.objects = {A: FILES["a.dcm"]}
    server.s3_fault = lambda key, n: httpx.Response(301, text="<Code>PermanentRedirect</Code>")
    with pytest.raises(INTERRUPTED, match=r"S3 answered 301 \(PermanentRedirect\)"):
        client.download(RUN_ID, folder)
    assert server.gets[A] == 1


@pytest.mark.parametrize("status", [403, 400])
def test_expired_urls_are_signed_again(
    client: Client, server: FakeResultServer, folder: Path, status: int
) -> None:
    # Given URLs that expire while the first file is on its way, one that is a preview's too
    server.objects = {f"{PREFIX}{n:03}": bytes([n]) * 20 for n in range(150)}
    server.objects[PREFIX + "preview.png"] = b"picture"
    server.previews = {PREFIX + "149": PREFIX + "preview.png"}
    server.expired_status = status
    server.cut = lambda key, n: 8 if n == 1 and key.endswith("000") else None

    def expire(key: str, n_gets: int) -> None:
        server.generation = 1

    server.s3_fault = expire

    # When the run is downloaded
    client.download(RUN_ID, folder)

    # Then all are whole, and the list was read once more, not for each of them
    assert len(read_all(folder)) == 151
    assert len(server.api_paths) == 1 + 2 + 2


def test_file_that_went_while_its_url_expired_is_named(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a file that is deleted while it is on its way, and URLs that expire
    def delete(key: str, n_gets: int) -> None:
        server.generation = 1
        server.objects.pop(A, None)

    server.s3_fault = delete

    # When the run is downloaded, then all others are here
    with pytest.raises(errors.ResultUnavailableError, match="not listed any more") as caught:
        client.download(RUN_ID, folder)
    assert caught.value.keys == (A,)
    assert read_all(folder) == {name: body for name, body in FILES.items() if name != "a.dcm"}


def test_files_that_cannot_be_had_are_named_at_the_end(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given some without a URL, and one that is gone when it is asked for
    server.unavailable = {f"/elsewhere/{n}": "This is no plain path." for n in range(6)}
    server.s3_fault = lambda key, n: httpx.Response(404) if key == A else None

    # When the run is downloaded
    with pytest.raises(errors.ResultUnavailableError) as caught:
        client.download(RUN_ID, folder)

    # Then all others are here, and the message is bounded
    assert len(read_all(folder)) == 3
    assert len(caught.value.keys) == 7
    assert "7 of the run's files cannot be had" in str(caught.value)
    assert "'/elsewhere/4': This is no plain path.; and 2 more" in str(caught.value)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("PENDING", "The run is PENDING.*Watch it"),
        ("RUNNING", "The run is RUNNING.*Watch it"),
        ("FAILED", "The run is FAILED.*Run its DAG again"),
        ("CANCELLED", "The run is CANCELLED"),
    ],
)
def test_run_that_has_not_succeeded_is_said(
    client: Client, server: FakeResultServer, folder: Path, state: str, sentence: str
) -> None:
    server.state = state
    with pytest.raises(errors.ResultUnavailableError, match=sentence):
        client.download(RUN_ID, folder)
    assert not folder.exists()


def test_run_without_files_is_said(client: Client, server: FakeResultServer, folder: Path) -> None:
    server.objects = {}
    with pytest.raises(errors.ResultUnavailableError, match="without any file"):
        client.download(RUN_ID, folder)


def test_unknown_run_is_the_apis_own_error(client: Client, folder: Path) -> None:
    with pytest.raises(errors.NotFoundError, match="Run not found"):
        client.download("another", folder)


def test_unreachable_api_is_an_interruption(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    server.api_fault = lambda n: refuse(503, "Busy.")
    with pytest.raises(INTERRUPTED, match="Busy"):
        client.download(RUN_ID, folder)


def test_expired_login_is_the_apis_own_error(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given URLs and a login that expire together
    server.s3_fault = lambda key, n: httpx.Response(403)
    server.api_fault = lambda n: refuse(401, "Log in.") if n > 2 else None

    # When the run is downloaded, then nothing half-written stays
    with pytest.raises(errors.AuthenticationError):
        client.download(RUN_ID, folder)
    assert read_all(folder) == {}


@pytest.mark.parametrize(
    "name",
    ["../a", "x/../../a", "/etc/passwd", "x//a", ".", "./a", "x/..", "a\0b"],
)
def test_unsafe_key_is_refused_before_anything_comes(
    client: Client, server: FakeResultServer, folder: Path, name: str
) -> None:
    # Given a server that offers a way out of the folder
    server.objects[PREFIX + name] = b"evil"

    # When the run is downloaded, then nothing is
    with pytest.raises(errors.UnsafeKeyError, match="no plain path") as caught:
        client.download(RUN_ID, folder)
    assert caught.value.keys == (PREFIX + name,)
    assert not server.gets
    assert not folder.exists()


@pytest.mark.parametrize("key", ["", PREFIX, "result/run-10/a", "/result/run-1/a", PREFIX + "a/"])
def test_key_elsewhere_is_unsafe(key: str) -> None:
    with pytest.raises(errors.UnsafeKeyError):
        locate(Path("f"), PREFIX, key)


@pytest.mark.parametrize("name", ["C:/a", "a.dcm:stream", "a.dcm.", "a ", "a?"])
def test_windows_has_more_ways_out(name: str) -> None:
    with pytest.raises(errors.UnsafeKeyError):
        locate(Path("f"), PREFIX, PREFIX + name, is_windows=True)
    assert locate(Path("f"), PREFIX, PREFIX + name, is_windows=False).name == name.split("/")[-1]


def test_file_in_place_of_the_folder_is_said(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    folder.parent.write_bytes(b"")
    for path in (folder.parent, folder):
        with pytest.raises(
            errors.UnwritableFolderError, match="A file is where a folder"
        ) as caught:
            client.download(RUN_ID, path)
        assert "patient" not in str(caught.value)
    assert not server.gets


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.EACCES, "You may not write"), (errno.EROFS, "Read-only file system")],
)
def test_unwritable_folder_is_said_before_the_first_byte(
    client: Client,
    server: FakeResultServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    sentence: str,
) -> None:
    # Given a folder that takes no file; whoever tests may be root, who has all rights
    def refuse_to_write(**_: Any) -> None:
        raise OSError(number, os.strerror(number), str(folder))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse_to_write)

    # When the run is downloaded, then the error says so, without its path
    with pytest.raises(errors.UnwritableFolderError, match=sentence) as caught:
        client.download(RUN_ID, folder)
    assert "patient" not in str(caught.value)
    assert not server.gets


def open_full(descriptor: int, mode: str) -> io.BufferedWriter:
    # Linux's own full disk: writes by a buffer fail only when it is flushed.
    os.close(descriptor)
    return Path("/dev/full").open("wb")


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize("size_bytes", [50, 100_000])
@pytest.mark.parametrize(("n_free", "missing"), [(10, -10), (10**12, 0)])
def test_full_disk_says_how_much_is_missing(
    client: Client,
    server: FakeResultServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    size_bytes: int,
    n_free: int,
    missing: int,
) -> None:
    # Given a file that is there, and a disk, or a share of it, that is full since
    server.objects = {A: b"image"}
    client.download(RUN_ID, folder)
    server.objects[PREFIX + "z.mrd"] = bytes(size_bytes)
    monkeypatch.setattr(os, "fdopen", open_full)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(n_free))

    # When the rest is downloaded
    with pytest.raises(errors.DiskFullError, match="then download again") as caught:
        client.download(RUN_ID, folder)

    # Then it is said how much to free, and what is complete stays
    assert caught.value.missing_bytes == size_bytes + missing
    assert f"free {size_bytes + missing:,} bytes" in str(caught.value)
    assert read_all(folder) == {"a.dcm": b"image"}


def test_interrupt_stops_at_once_and_leaves_nothing(
    make_client: Callable[..., Client], server: FakeResultServer, folder: Path
) -> None:
    # Given files that take very long, and a Ctrl-C while they are on their way
    server.objects = {f"{PREFIX}{n}": bytes(10**6) for n in range(4)}
    ended: list[bool] = []

    def stream() -> Iterator[bytes]:
        if four.wait() == 0:
            os.kill(os.getpid(), signal.SIGINT)
        for _ in range(10**6):
            yield b"b"
        ended.append(True)

    four = threading.Barrier(4, timeout=10)
    client = make_client(server.answer_api, lambda _: httpx.Response(200, content=stream()))

    # When it comes, then nothing half-written stays
    with pytest.raises(KeyboardInterrupt):
        client.download(RUN_ID, folder)
    assert read_all(folder) == {}
    assert not ended


def test_error_of_the_caller_stops_the_download(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    # Given a display that breaks, by an error as of a disk
    def tell(progress: DownloadProgress) -> None:
        if progress.done_bytes:
            raise BrokenPipeError(errno.ENOSPC, "broken")

    # When the run is downloaded, then its own error comes, and nothing half-written stays
    with pytest.raises(BrokenPipeError):
        client.download(RUN_ID, folder, on_progress=tell)
    assert not [name for name in read_all(folder) if name.endswith(".part")]


def test_no_signature_reaches_the_log(
    client: Client, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "httpx")
    client.download(RUN_ID, folder)
    assert "data-lake.s3.invalid" in caplog.text
    assert "secret" not in caplog.text
    assert "a-token" not in caplog.text
