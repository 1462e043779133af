from pathlib import Path

import httpx
import pytest

from scanhub_workflow import Retry, files
from scanhub_workflow.at_once import StoppedError
from scanhub_workflow.files import FileMismatchError, FilePart, check_file
from scanhub_workflow.models import PartView
from scanhub_workflow.parts import PartSender


@pytest.fixture
def part(file: Path) -> FilePart:
    return FilePart(file, check_file(file), offset_bytes=10, size_bytes=20)


def test_part_is_read_where_it_is(part: FilePart) -> None:
    assert b"".join(part.read()) == bytes(range(10, 30))


def test_nothing_is_read_of_a_changed_file(part: FilePart, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a file that was written to, and a part of three chunks
    monkeypatch.setattr(files, "CHUNK_SIZE_BYTES", 8)
    part.path.write_bytes(bytes(95))

    # When a part is read, then not a byte comes
    with pytest.raises(FileMismatchError):
        next(part.read())


def test_part_of_a_file_that_changes_is_never_whole(
    part: FilePart, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a part of which two chunks of three were read
    monkeypatch.setattr(files, "CHUNK_SIZE_BYTES", 8)
    chunks = part.read()
    assert [len(next(chunks)), len(next(chunks))] == [8, 8]

    # When the file is written to, then the last one does not come
    with part.path.open("ab") as opened:
        opened.write(b"more")
    with pytest.raises(FileMismatchError):
        next(chunks)


def test_part_stops_when_another_failed(part: FilePart, retry: Retry) -> None:
    # Given an upload of which another part failed
    answer = httpx.Response(200, headers={"ETag": "e"})
    view = PartView(part_number=1, size_bytes=20, url="https://s3.invalid/key")
    with httpx.Client(transport=httpx.MockTransport(lambda _: answer)) as http:
        sender = PartSender("u", http, retry, lambda _: view, lambda _: None)
        assert sender.send(view, part).etag == "e"
        sender.stop.set()

        # When this one is sent, then it ends before its content is out
        with pytest.raises(StoppedError):
            sender.send(view, part)
