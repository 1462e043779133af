from pathlib import Path

import pytest

from scanhub_workflow import Client, errors
from tests.fakes.upload_server import UPLOAD_ID, FakeUploadServer, refuse


@pytest.mark.parametrize("tells_crc", [True, False])
def test_resume_sends_what_is_missing(
    client: Client, server: FakeUploadServer, file: Path, tells_crc: bool
) -> None:
    # Given an upload that broke off: two parts are there, one of another size
    server.body = {"file_name": "scan.h5", "size_bytes": 95}
    content = file.read_bytes()
    server.parts = {1: content[:10], 4: content[30:40], 6: b"short"}
    server.tells_crc = tells_crc

    # When it is resumed
    client.upload(file, resume=UPLOAD_ID)

    # Then only the others were sent, and the CRC is that of the whole
    assert server.whole == content
    assert sorted(server.puts) == [2, 3, 5, 6, 7, 8, 9, 10]


def test_resume_of_another_file_is_refused(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given a part of another file
    server.body = {"file_name": "scan.h5", "size_bytes": 95}
    server.parts = {4: b"0123456789"}

    # When it is resumed with this one, then not even a part of it is sent
    with pytest.raises(errors.OtherFileError, match="part 4 has another content"):
        client.upload(file, resume=UPLOAD_ID)
    assert not server.puts

    # And one of another size is refused before anything is sent
    file.write_bytes(b"other")
    with pytest.raises(errors.OtherFileError, match="size"):
        client.upload(file, resume=UPLOAD_ID)
    assert not server.puts


def test_resume_of_a_completed_upload_tells_its_run(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    # Given an upload whose last answer got lost
    client.upload(file, dag_id="d")
    server.puts.clear()

    # When it is resumed, then its run is named and nothing is sent
    assert client.upload(file, resume=UPLOAD_ID).dag_run_id == "run-1"
    assert not server.puts


def test_resume_of_a_closed_upload_is_refused(
    client: Client, server: FakeUploadServer, file: Path
) -> None:
    with pytest.raises(errors.UploadClosedError, match="upload the file anew"):
        client.upload(file, resume=UPLOAD_ID)
    server.body = {"file_name": "scan.h5", "size_bytes": 95}
    server.state = "ABORTED"
    with pytest.raises(errors.UploadClosedError):
        client.upload(file, resume=UPLOAD_ID)


def test_expired_login_can_be_resumed(client: Client, server: FakeUploadServer, file: Path) -> None:
    # Given a token that is not accepted any more when the upload is to be completed
    server.api_fault = lambda n: refuse(401, "Invalid token.") if n > 1 else None

    # When a file is uploaded, then the error says what to do
    with pytest.raises(errors.LoginExpiredError, match="log in again") as caught:
        client.upload(file, dag_id="d")

    # And after that the upload goes on where it was
    server.api_fault = lambda n: None
    server.puts.clear()
    client.upload(file, resume=caught.value.upload_id)
    assert server.whole == file.read_bytes()
    assert not server.puts
