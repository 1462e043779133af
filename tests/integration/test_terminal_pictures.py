"""Pictures of a terminal are what it showed, with its colours."""

import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from rich.style import Style
from rich.text import Text

from tests.fakes.served import serve
from tests.fakes.terminal import Person
from tests.fakes.upload_server import FakeUploadServer
from tools.terminal import ScreenError, Terminal
from tools.terminal_pictures import PICTURES, draw, is_half_way, take

# The child of the fork, which a test's server has threads beside, is another program at once.
pytestmark = pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")
UPLOAD = next(picture for picture in PICTURES if picture.name == "upload")


def read(svg: str) -> str:
    # Our own text, of a moment ago.
    texts = ET.fromstring(svg).itertext()  # noqa: S314 - our own picture
    return "".join(texts).replace("\xa0", " ")


def show(script: str, columns: int = 20) -> tuple[list[str], list[Text]]:
    with Terminal(["/bin/sh", "-c", script], {}, rows=3, columns=columns) as terminal:
        assert terminal.wait() == 0
        return terminal.lines, terminal.styled_lines


def describe(style: Style | str) -> tuple[str, bool | None]:
    assert isinstance(style, Style)
    assert style.color
    return style.color.name, style.bold


def test_screen_is_read_with_its_history_and_colours() -> None:
    lines, styled = show(r"seq 4; printf '\033[1;33mgold\033[0;38;5;197m red\033[0m\r\n'")
    assert lines == ["1", "2", "3", "4", "gold red"]
    assert [text.plain for text in styled] == lines
    assert [describe(span.style) for span in styled[-1].spans] == [
        ("yellow", True),
        ("#ff005f", False),
    ]


def test_line_that_is_drawn_again_stands_once() -> None:
    lines, _ = show(r"printf '10 %%'; printf '\r\033[2K20 %%\n'")
    assert lines == ["20 %"]


def test_what_is_not_seen_is_told_with_the_screen() -> None:
    with (
        Terminal(["/bin/sh", "-c", "echo something else; read line"], {}) as terminal,
        pytest.raises(ScreenError, match=r"(?s)Not seen in 0.2 s.*something else"),
    ):
        terminal.wait_for("a bar", timeout_s=0.2)
    with (
        Terminal(["/bin/sh", "-c", "echo something else"], {}) as terminal,
        pytest.raises(ScreenError, match=r"(?s)has ended before.*something else"),
    ):
        terminal.wait_for("a bar")


def test_picture_is_the_same_for_the_same_screen_and_loads_nothing() -> None:
    lines = [Text("100 %", "green"), Text("<done> & over")]
    svg = draw("scanhub-workflow upload scan.h5", lines, "upload")
    assert svg == draw("scanhub-workflow upload scan.h5", lines, "upload")
    assert "$ scanhub-workflow upload scan.h5" in read(svg)
    assert "<done> & over" in read(svg)
    assert "url(http" not in svg


@pytest.fixture
def is_pictured() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def person(tmp_path: Path, is_pictured: threading.Event) -> Iterator[Person]:
    s3 = FakeUploadServer(2**16)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/api/"):
            return s3.answer_api(request)
        # Of 20 parts, 8 at once: the bar stands at 50 %.
        if int(request.url.params["partNumber"]) > 2:
            is_pictured.wait()
        return s3.answer_s3(request)

    with serve(answer) as url:
        s3.storage_url = url
        (tmp_path / "scan.h5").write_bytes(bytes(20 * 2**16))
        yield Person(tmp_path, f"{url}/api")


def test_picture_is_taken_half_way(person: Person, is_pictured: threading.Event) -> None:
    def is_moment(lines: list[str]) -> bool:
        if is_half_way(lines):
            is_pictured.set()
        return is_pictured.is_set()

    picture = replace(UPLOAD, is_moment=is_moment)
    shown = read(take(picture, UPLOAD.arguments, person.environ, person.home))
    assert "$ scanhub-workflow upload scan.h5 --dag cartesian_reconstruction" in shown
    assert re.search(r"━ +[45]\d % ", shown)


def test_command_that_fails_gives_no_picture(person: Person) -> None:
    with pytest.raises(ScreenError, match=r"(?s)ended before.*There is no file"):
        take(UPLOAD, ["upload", "none.h5", "--dag", "fft"], person.environ, person.home)
    at_the_end = PICTURES[2]
    with pytest.raises(ScreenError, match="scanhub-workflow workflow ended with 5"):
        take(at_the_end, ["workflow", "unknown"], person.environ, person.home)
