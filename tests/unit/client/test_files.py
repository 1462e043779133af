import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scanhub_workflow import Client, errors
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer


def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(b"more")


def replace(file: Path) -> None:
    # Of the same size and time, but another inode.
    times = file.stat()
    other = file.with_suffix(".new")
    other.write_bytes(bytes(95))
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(file)


@pytest.mark.parametrize(
    "change", [append, replace, Path.unlink, lambda f: os.truncate(f, 40), lambda f: os.utime(f)]
)
@pytest.mark.parametrize("part_number", [1, 10])
def test_changed_file_is_not_completed(
    client: Client,
    server: FakeUploadServer,
    file: Path,
    change: Callable[[Path], None],
    part_number: int,
) -> None:
    # Given a file that changes while a part, even the last one, is on its way
    os.utime(file, (1, 1))

    def meddle(part: int, n_puts: int) -> None:
        if part == part_number:
            change(file)

    server.put_fault = meddle

    # When it is uploaded, then nothing is completed and the error says how to go on
    with pytest.raises(errors.FileChangedError, match=f"{UPLOAD_ID} stays open") as caught:
        client.upload(file, dag_id="d")
    assert server.state == "CREATED"
    assert "scan.h5" not in str(caught.value)


def test_what_is_no_file_is_refused_before_anything_is_sent(
    client: Client, server: FakeUploadServer, tmp_path: Path
) -> None:
    # Given a pipe that nobody writes to, and an empty file
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    told = {"pipe": "a pipe or", "empty": "is empty", "none": "no file", ".": "a directory"}

    # When they are uploaded, then each is refused in words of its own
    for name, message in told.items():
        with pytest.raises(errors.UnreadableFileError, match=message) as caught:
            client.upload(tmp_path / name, dag_id="d")
        assert str(tmp_path) not in str(caught.value)
    assert not server.requests


@pytest.mark.parametrize(("number", "message"), [(errno.EACCES, "may not"), (errno.EIO, "error")])
def test_unreadable_file_is_refused(
    client: Client, file: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    # Given a file that does not open (as root, every file does)
    def refuse_to_open(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "open", refuse_to_open)

    # When it is uploaded, then the error says why
    with pytest.raises(errors.UnreadableFileError, match=message):
        client.upload(file, dag_id="d")
