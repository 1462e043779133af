"""What a DAG, or somebody with rights on the folder, has left there to be stumbled over."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scanhub_workflow import Client, errors
from scanhub_workflow.targets import MARKER, locate
from tests.fakes.result_server import PREFIX, RUN_ID, FakeResultServer

HOSTILE_NAMES = {
    "escape": "a\x1b[2J.dcm",
    "new line": "a\nb.dcm",
    "delete": "a\x7f.dcm",
    "C1 control": "a\x9b2J.dcm",
    "right-to-left override": "a\u202egpj.exe",
    "isolate": "a\u2066.dcm",
    "zero width": "a\u200b.dcm",
    "line separator": "a\u2028.dcm",
    "lone surrogate": "a\ud800.dcm",
    "hidden": ".bashrc",
    "hidden folder": ".ssh/authorized_keys",
    "our marker": MARKER,
    "backslash": "..\\a",
    "device": "NUL",
    "device with an ending": "com1.dcm",
    "device as a folder": "aux/a.dcm",
    "too long": "a" * 256,
    "too long in bytes": "ü" * 128,
}
FINE_NAMES = [
    "Dose (1).dcm",
    "Kopf-Übersicht.dcm",
    "頭部.dcm",
    "contrast.dcm",
    "a" * 255,
    "x;$(y)'",
]


@pytest.fixture
def server() -> FakeResultServer:
    return FakeResultServer({"a.dcm": b"image", "series/1.dcm": b"slice"})


@pytest.fixture
def client(make_client: Callable[..., Client], server: FakeResultServer) -> Client:
    return make_client(server.answer_api, server.answer_s3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of the user's with a file that is no business of a download."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "precious").write_bytes(b"image")
    return folder


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
@pytest.mark.parametrize("is_windows", [False, True])
def test_name_that_is_not_what_it_looks_like_is_refused(name: str, *, is_windows: bool) -> None:
    with pytest.raises(errors.UnsafeKeyError) as caught:
        locate(Path("f"), PREFIX, PREFIX + name, is_windows=is_windows)

    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", FINE_NAMES)
def test_name_in_any_script_is_kept(name: str) -> None:
    assert locate(Path("f"), PREFIX, f"{PREFIX}{name}/{name}") == Path("f", name, name)


def test_one_hostile_name_lets_nothing_be_written(
    client: Client, server: FakeResultServer, folder: Path
) -> None:
    server.objects[f"{PREFIX}series/\u202egpj.exe"] = b"evil"

    with pytest.raises(errors.UnsafeKeyError):
        client.download(RUN_ID, folder)

    assert not list(folder.iterdir())
    assert not server.gets


@pytest.mark.parametrize("target", ["precious", "new"])
@pytest.mark.parametrize("is_overwriting", [False, True])
def test_link_as_marker_is_not_written_through(
    client: Client, folder: Path, elsewhere: Path, target: str, *, is_overwriting: bool
) -> None:
    (folder / MARKER).symlink_to(elsewhere / target)

    if is_overwriting:
        client.download(RUN_ID, folder, is_overwriting=True)
        assert not (folder / MARKER).is_symlink()
    else:
        with pytest.raises(errors.OtherRunError):
            client.download(RUN_ID, folder)

    assert read_all(elsewhere) == {"precious": b"image"}


def test_link_as_marker_to_a_file_that_names_the_run_is_not_believed(
    client: Client, folder: Path, elsewhere: Path
) -> None:
    (elsewhere / "note").write_text(RUN_ID)
    (folder / MARKER).symlink_to(elsewhere / "note")
    (folder / "a.dcm").write_bytes(b"other")

    with pytest.raises(errors.OtherRunError):
        client.download(RUN_ID, folder)

    assert (folder / "a.dcm").read_bytes() == b"other"


def test_pipe_or_bytes_as_marker_hold_nothing_up(client: Client, folder: Path) -> None:
    os.mkfifo(folder / MARKER)
    with pytest.raises(errors.OtherRunError):
        client.download(RUN_ID, folder)

    (folder / MARKER).unlink()
    (folder / MARKER).write_bytes(b"\xff\xfe")
    with pytest.raises(errors.OtherRunError):
        client.download(RUN_ID, folder)


@pytest.mark.parametrize("is_known", [False, True], ids=["new folder", "folder of this run"])
def test_link_in_place_of_a_file_is_neither_taken_for_it_nor_followed(
    client: Client, folder: Path, elsewhere: Path, *, is_known: bool
) -> None:
    # Given a link where a file belongs, to another file of its size
    if is_known:
        client.download(RUN_ID, folder)
        (folder / "a.dcm").unlink()
    (folder / "a.dcm").symlink_to(elsewhere / "precious")

    # When the run is downloaded, then the link is no file of the run
    with pytest.raises((errors.OtherRunError, errors.TargetExistsError)):
        client.download(RUN_ID, folder)

    # And with leave to overwrite, the link goes, not what it leads to
    client.download(RUN_ID, folder, is_overwriting=True)
    assert not (folder / "a.dcm").is_symlink()
    assert (folder / "a.dcm").read_bytes() == b"image"
    assert read_all(elsewhere) == {"precious": b"image"}


@pytest.mark.parametrize("is_overwriting", [False, True])
def test_link_in_place_of_a_folder_is_refused(
    client: Client, folder: Path, elsewhere: Path, *, is_overwriting: bool
) -> None:
    (folder / "series").symlink_to(elsewhere, target_is_directory=True)

    with pytest.raises(errors.UnwritableFolderError, match="A link is where a folder"):
        client.download(RUN_ID, folder, is_overwriting=is_overwriting)

    assert read_all(elsewhere) == {"precious": b"image"}


def test_folder_that_becomes_a_link_while_a_file_comes_is_refused(
    client: Client, server: FakeResultServer, folder: Path, elsewhere: Path
) -> None:
    # Given somebody who puts a link there between the first look and the end
    def swap(key: str, n_gets: int) -> None:
        if key.endswith("1.dcm"):
            (folder / "series").rename(folder / "moved")
            (folder / "series").symlink_to(elsewhere, target_is_directory=True)

    server.s3_fault = swap

    with pytest.raises(errors.UnwritableFolderError):
        client.download(RUN_ID, folder)

    assert read_all(elsewhere) == {"precious": b"image"}


def test_folder_that_the_user_names_may_be_a_link(
    client: Client, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)

    client.download(RUN_ID, tmp_path / "link")

    assert (folder / "series" / "1.dcm").read_bytes() == b"slice"
