"""DICOM images in a real browser, fetched from a data lake of another origin."""

import io
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from pydicom import FileDataset

from tests.browser.conftest import Hospital
from tests.browser.test_console import find_violations, log_in, show
from tests.fakes.head_series import draw_slice, encode, make_series
from tests.fakes.served_lake import SIGNATURE
from tests.unit.dags.blobs import AXIAL, Vector
from tests.unit.dags.orientation_picture import name_direction, reconstruct_row
from tests.unit.dags.situations import CORONAL, SAGITTAL

N_IMAGES = 9
OPEN = "Look at the images"
# The mean of a picture's greys, whatever its size.
MEAN = """canvas => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value, index) => sum + (index % 4 ? 0 : value), 0) / data.length * 4;
}"""


def open_images(page: Page, served: Hospital, files: dict[str, bytes]) -> Locator:
    """Show a run's images; return the picture."""
    _, run = served.scan()
    served.leave(run, files)
    log_in(page)
    show(page, served, f"dag_runs/{run}")
    page.get_by_role("button", name=OPEN).click()
    picture = page.get_by_role("group", name="The image")
    expect(picture).to_be_focused()
    return picture


def to_bytes(image: FileDataset) -> bytes:
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def find_sides(image: FileDataset) -> list[tuple[str, Vector]]:
    """Return where an image's right and bottom edges are in the patient."""
    x1, y1, z1, x2, y2, z2 = (float(value) for value in image.ImageOrientationPatient)
    return [("right", (x1, y1, z1)), ("bottom", (x2, y2, z2))]


def find_mean(picture: Locator) -> float:
    return float(picture.locator("canvas").evaluate(MEAN))


def test_a_series_is_shown_in_the_order_of_its_places(page: Page, served: Hospital) -> None:
    files = make_series(N_IMAGES)
    picture = open_images(page, served, files)
    expect(page.get_by_text("In the order of their places")).to_be_visible()
    # Against their names: the highest name is the lowest in the patient.
    picture.press("End")
    canvas = page.get_by_role("img", name=f"{N_IMAGES} of {N_IMAGES}, top A, right L")
    expect(canvas).to_be_visible()
    at_the_top = find_mean(picture)
    picture.press("ArrowUp")
    picture.press("PageUp")
    expect(page.get_by_role("img", name=f"1 of {N_IMAGES}")).to_be_visible()
    picture.hover()
    page.mouse.wheel(0, 200)
    expect(page.get_by_role("img", name=f"5 of {N_IMAGES}")).to_be_visible()

    assert find_mean(picture) > 2 * at_the_top
    page.get_by_role("slider").first.fill("2")
    expect(page.get_by_role("img", name=f"2 of {N_IMAGES}")).to_be_visible()


def test_the_window_is_changed_by_keys_and_by_dragging_and_reset(
    page: Page, served: Hospital
) -> None:
    picture = open_images(page, served, make_series(1))
    expect(page.get_by_role("img", name="1 of 1")).to_be_visible()
    first = find_mean(picture)
    for _ in range(4):
        picture.press("Shift+ArrowDown")
    assert find_mean(picture) > first
    picture.press("r")
    assert find_mean(picture) == first
    box = picture.bounding_box() or {}
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 150, steps=5)
    page.mouse.up()
    assert find_mean(picture) < first
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("button", name="Invert").click()
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")

    assert find_mean(picture) == pytest.approx(255 - first, abs=0.5)


def test_pixels_are_as_high_and_wide_as_in_the_patient(page: Page, served: Hospital) -> None:
    picture = open_images(page, served, {"a.dcm": encode(draw_slice(0), PixelSpacing=[3, 1])})
    expect(page.get_by_text("Orientation unknown")).to_be_visible()
    height, width = picture.locator("canvas").evaluate("each => [each.height, each.width]")
    assert height == 3 * width


def test_a_localizer_of_our_dag_is_marked_in_each_orientation(page: Page, served: Hospital) -> None:
    images = reconstruct_row("osi2", [AXIAL, SAGITTAL, CORONAL], 0.0)
    files = {f"image-{number}.dcm": to_bytes(image) for number, image in enumerate(images)}
    picture = open_images(page, served, files)
    expect(page.get_by_text("In the order of their places")).to_be_visible()
    picture.press("Home")
    found = set()
    for number in (1, 2, 3):
        canvas = page.get_by_role("img", name=f"{number} of 3, top")
        expect(canvas).to_be_visible()
        letters = {side: name_direction(each) for side, each in find_sides(images[number - 1])}
        marks = f"right {letters['right']}, bottom {letters['bottom']}"
        expect(canvas).to_have_accessible_name(re.compile(marks))
        found.add(marks)
        picture.press("ArrowDown")
    assert len(found) == 3


def test_of_a_long_series_only_what_is_near_is_fetched(page: Page, served: Hospital) -> None:
    body = encode(np.eye(8))
    picture = open_images(page, served, {f"image-{n:04d}.dcm": body for n in range(1000)})
    expect(page.get_by_text("In the order of their names")).to_be_visible()
    picture.press("End")
    expect(page.get_by_role("img", name="1000 of 1000")).to_be_visible()

    assert served.lake.gets.total() < 20


TRUE = encode(draw_slice(0))
COMPRESSED = TRUE.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", 1)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (TRUE[:3000], "incomplete"),
        (COMPRESSED, "compressed or encoded"),
        (b"<script>document.title='taken'</script>", "not DICOM"),
        (encode(draw_slice(0), Rows=65535, Columns=65535), "too large"),
    ],
)
def test_a_file_that_cannot_be_shown_says_why_and_the_others_are_shown(
    page: Page, served: Hospital, body: bytes, sentence: str
) -> None:
    picture = open_images(page, served, {"a.dcm": TRUE, "b.dcm": body})
    picture.press("End")
    expect(picture.get_by_text(sentence)).to_be_visible()
    picture.press("Home")
    expect(page.get_by_role("img", name="1 of 2")).to_be_visible()


def test_patient_and_signature_are_nowhere_in_the_page(page: Page, served: Hospital) -> None:
    picture = open_images(page, served, {"a.dcm": encode(np.eye(8), PatientName="Doe^Jane")})
    expect(page.get_by_role("img", name="1 of 1")).to_be_visible()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    for word in (SIGNATURE, "Doe", "Jane"):
        assert word not in page.content() + page.url + page.title() + stored
    picture.press("Escape")
    expect(page.get_by_role("button", name=OPEN)).to_be_focused()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1280, 320])
def test_the_viewer_breaks_no_rule_of_axe(
    page: Page, served: Hospital, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.reload()
    open_images(page, served, make_series(2))
    expect(page.get_by_role("img", name="of 2")).to_be_visible()
    fits: Any = page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert fits
    assert find_violations(page) == []
