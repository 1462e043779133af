"""The console's upload, and its inbox, in a real browser, on the real functions."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Dialog, Page, Response, expect

from tests.browser.conftest import Hospital, now
from tests.browser.test_console import HOSTILE, find_violations, log_in, show
from tests.fakes import world as hospital
from tests.fakes.data_lake_server import ServedDataLake
from tests.fakes.ports import call
from tests.fakes.served import serve
from tests.fakes.world import DAG_ID, SCAN_ID, TOKEN, WORKFLOW_ID
from workflow_manager.domain import upload as domain
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.upload import Part
from workflow_manager.services.trigger_airflow import ObjectCreated, trigger_airflow

PART_SIZE_BYTES = domain.MIN_PART_SIZE_BYTES
N_PARTS = 3
SIZE_BYTES = 2 * PART_SIZE_BYTES + 1000
WAIT_S = 30
ONE_UPLOAD = re.compile(r"/uploads/[^/?]+/")


@pytest.fixture
def lake(served: Hospital, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedDataLake]:
    monkeypatch.setattr(domain, "PREFERRED_PART_SIZE_BYTES", PART_SIZE_BYTES)
    lake = ServedDataLake(served.url)
    with serve(lake.answer) as url:
        lake.url = served.lake_url = url
        served.world.lake = lake
        # The page's policy names it.
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        yield lake


@pytest.fixture
def page(lake: ServedDataLake, page: Page) -> Page:
    return page


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return make_file(tmp_path / "raw.h5", b"raw data")


def make_file(path: Path, content: bytes) -> Path:
    path.write_bytes((content * (SIZE_BYTES // len(content) + 1))[:SIZE_BYTES])
    return path


def begin(page: Page, served: Hospital, file: Path) -> None:
    log_in(page)
    show(page, served, "upload")
    page.get_by_label("What it is for").select_option(DAG_ID)
    page.get_by_label("File: choose it").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()


def expect_state(page: Page, text: str) -> None:
    region = page.get_by_role("region", name="This upload")
    expect(region.get_by_role("status").first).to_contain_text(text, timeout=WAIT_S * 1000)


def hold(lake: ServedDataLake, *numbers: int, is_lost: bool = False) -> Event:
    """Let S3 not answer some parts before the event, and then take them or not."""
    released = Event()

    def wait(number: int) -> httpx.Response | None:
        if number not in numbers:
            return None
        assert released.wait(WAIT_S)
        return httpx.Response(503) if is_lost else None

    lake.fault = wait
    return released


def wait_for_puts(page: Page, lake: ServedDataLake, *numbers: int) -> None:
    wait_for(page, lambda: set(numbers) <= set(lake.puts))


def wait_for(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(WAIT_S * 50):
        if is_so():
            return
        # The browser must be served meanwhile.
        page.wait_for_timeout(20)
    pytest.fail("It did not happen.")


def list_parts(lake: ServedDataLake) -> list[Part]:
    """Return what S3 holds of the only open upload."""
    ((s3_upload_id, upload),) = lake._uploads.items()
    return lake.list_parts(upload.key, s3_upload_id) or []


def find_body(lake: ServedDataLake) -> bytes:
    (key,) = lake.keys
    return lake.get(key)


def test_a_file_becomes_one_object_that_starts_a_run(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    policies: list[str | None] = []

    def note(response: Response) -> None:
        if "/worker-" in response.url:
            policies.append(response.headers.get("content-security-policy"))

    page.on("response", note)
    begin(page, served, file)
    expect_state(page, "✓ uploaded")

    assert find_body(lake) == file.read_bytes()
    assert dict(lake.puts) == dict.fromkeys(range(1, N_PARTS + 1), 1)
    href = page.get_by_role("link", name="To its run").get_attribute("href") or ""
    assert href.startswith("#/dag_runs/")
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    for secret in (TOKEN, "X-Amz", "uploadId"):
        assert secret not in stored + page.content() + page.url + page.title()
    assert [bool(policy) for policy in policies] == [True]


def test_after_a_reload_the_same_file_goes_on_and_another_is_refused(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path, tmp_path: Path
) -> None:
    released = hold(lake, 2, 3, is_lost=True)
    begin(page, served, file)
    wait_for_puts(page, lake, 1, 2, 3)
    wait_for(page, lambda: bool(list_parts(lake)))
    asked: list[str] = []

    def accept(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", accept)
    page.reload()
    assert asked == ["beforeunload"]
    lake.fault = lambda number: None
    released.set()
    lake.puts.clear()

    log_in(page)
    row = page.get_by_role("listitem").filter(has_text="raw.h5")
    choose = row.get_by_label("To go on, choose the same file again: raw.h5")
    choose.set_input_files(make_file(tmp_path / "other.h5", b"something else"))
    expect_state(page, "✕ not uploaded")
    expect(page.get_by_role("alert")).to_contain_text("This is another file")
    assert not lake.puts

    choose.set_input_files(file)
    expect_state(page, "✓ uploaded")
    assert dict(lake.puts) == {2: 1, 3: 1}
    assert find_body(lake) == file.read_bytes()
    expect(page.get_by_role("region", name="Your open uploads")).to_contain_text(
        "You have no open upload."
    )


def test_a_file_of_another_size_is_refused_unread(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path, tmp_path: Path
) -> None:
    released = hold(lake, 1, 2, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    released.set()
    log_in(page)
    other = tmp_path / "other.h5"
    other.write_bytes(b"short")
    page.get_by_label("To go on, choose the same file again: raw.h5").set_input_files(other)

    expect(page.get_by_role("alert")).to_contain_text("its size is not that of this upload")


def test_a_login_that_ends_stops_no_part_and_is_renewed_over_the_page(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    page.route(ONE_UPLOAD, lambda route: route.fulfill(status=401, body="{}"))
    begin(page, served, file)
    expect(page.get_by_role("dialog")).to_contain_text("Your login has ended", timeout=10_000)
    wait_for_puts(page, lake, 1, 2, 3)
    page.unroute(ONE_UPLOAD)
    log_in(page)

    expect_state(page, "✓ uploaded")
    assert find_body(lake) == file.read_bytes()


def test_addresses_that_are_too_old_are_renewed(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    released = hold(lake, 1, 2, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 1, 2, 3)
    lake.generation = 1
    released.set()

    expect_state(page, "✓ uploaded")
    assert find_body(lake) == file.read_bytes()


def test_whoever_logs_in_next_sees_nothing_of_an_upload(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    released = hold(lake, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 3)
    page.get_by_role("button", name="Log out").click()
    released.set()
    answer = {"access_token": TOKEN, "username": "another"}
    page.route("**/login/", lambda route: route.fulfill(json=answer))
    page.route(
        "**/uploads/?**", lambda route: route.fulfill(json={"uploads": [], "next_cursor": None})
    )
    log_in(page)

    expect(page.get_by_text("You have no open upload.")).to_be_visible()
    expect(page.get_by_text("raw.h5")).to_have_count(0)


def test_an_upload_is_paused_and_given_up(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    released = hold(lake, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 1, 2, 3)
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "paused")
    released.set()
    page.get_by_role("link", name="Now", exact=True).click()
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    page.get_by_role("link", name="Upload", exact=True).click()
    expect_state(page, "paused")

    page.get_by_role("button", name="Give up …").first.click()
    page.get_by_role("button", name="Yes, give up").click()

    expect(page.get_by_text("You have no open upload.")).to_be_visible()
    assert lake.list_open_uploads("") == []
    assert lake.keys == []


def test_a_paused_upload_goes_on(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    released = hold(lake, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 1, 2, 3)
    page.get_by_role("button", name="Pause").click()
    released.set()
    page.get_by_role("button", name="Go on").click()

    expect_state(page, "✓ uploaded")
    assert find_body(lake) == file.read_bytes()


def test_the_data_of_a_scan_is_sent_from_its_workflow(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path
) -> None:
    log_in(page)
    show(page, served, f"workflows/{WORKFLOW_ID}")
    page.get_by_role("link", name="Upload its data, Simulated scan 1").click()
    target = page.get_by_label("What it is for")
    expect(target).to_have_value(f"task:{SCAN_ID}")
    page.get_by_label("File: choose it").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()

    expect_state(page, "✓ uploaded")
    assert lake.keys[0].startswith(f"acquisition/{WORKFLOW_ID}/{SCAN_ID}/")
    expect(page.get_by_role("link", name="To its workflow")).to_be_visible()


def test_a_file_is_dropped_anywhere_on_the_page(
    page: Page, served: Hospital, lake: ServedDataLake
) -> None:
    log_in(page)
    show(page, served, "upload")
    page.get_by_label("What it is for").select_option(DAG_ID)
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File(["raw"], "raw.npy"));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }"""
    )
    page.get_by_role("button", name="Upload", exact=True).click()

    expect_state(page, "✓ uploaded")
    assert find_body(lake) == b"raw"


def test_what_is_no_file_to_send_is_told(page: Page, served: Hospital, tmp_path: Path) -> None:
    empty = tmp_path / "empty.h5"
    empty.touch()
    begin(page, served, empty)

    expect(page.get_by_role("alert")).to_contain_text("This file is empty.")


def test_a_hostile_name_of_a_file_is_text(
    page: Page, served: Hospital, lake: ServedDataLake, tmp_path: Path
) -> None:
    released = hold(lake, 3)
    begin(page, served, make_file(tmp_path / "<img src=x onerror=alert(1)>.h5", b"raw data"))
    expect(page.get_by_role("heading", name="<img src=x")).to_be_visible()
    assert page.locator("main img").count() == 0
    released.set()
    expect_state(page, "✓ uploaded")


def reject(served: Hospital, key: str, size_bytes: int = 1000) -> None:
    data = ObjectVersion(bucket="data-lake", key=key, version_id="v1", size_bytes=size_bytes)
    hospital.store(served.world, data)
    call(trigger_airflow, served.world, ObjectCreated(data), now("trigger_airflow"))


def test_the_inbox_says_why_an_object_fits_nothing_and_what_to_do(
    page: Page, served: Hospital
) -> None:
    workflow_id, task_id = str(uuid4()), str(uuid4())
    reject(served, f"acquisition/{workflow_id}/{task_id}/scan.h5")
    reject(served, f"upload/{HOSTILE}/scan.h5")
    log_in(page)
    page.get_by_role("link", name="Inbox and health").click()
    rejected = page.get_by_role("region", name="Objects that fit nothing")

    scan = rejected.get_by_role("listitem").filter(has_text=task_id)
    expect(scan).to_contain_text("Exam-manager knows no such workflow.")
    expect(scan).to_contain_text("What to do: If you want it worked on")
    link = scan.get_by_role("link", name="Upload its data")
    assert link.get_attribute("href") == f"#/upload/{workflow_id}/{task_id}"
    expect(rejected).to_contain_text("Its key reads neither")
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_health_tells_what_the_page_can_see(
    page: Page, served: Hospital, lake: ServedDataLake
) -> None:
    log_in(page)
    show(page, served, "inbox")
    health = page.get_by_role("region", name="Health, as seen from this page")
    checks = health.get_by_role("listitem")

    expect(checks.filter(has_text="Login")).to_contain_text("You are operator, in the role")
    expect(checks.filter(has_text="Clock of this computer")).to_contain_text("less than a minute")
    expect(checks.filter(has_text="Airflow")).to_contain_text("It has 2 DAGs.")
    expect(checks.filter(has_text="Reconciler")).to_contain_text("look at it")
    page.get_by_role("button", name="Check the data lake").click()
    expect(checks.filter(has_text="Data lake")).to_contain_text("took one byte")
    assert lake.list_open_uploads("") == []


def test_a_data_lake_that_refuses_the_page_is_told(
    page: Page, served: Hospital, lake: ServedDataLake
) -> None:
    lake._origin = "https://elsewhere.example"
    log_in(page)
    show(page, served, "inbox")
    page.get_by_role("button", name="Check the data lake").click()

    health = page.get_by_role("region", name="Health, as seen from this page")
    expect(health).to_contain_text(f"parameter WebOrigin is not {served.url}")


@pytest.mark.parametrize(("theme", "width"), [("dark", 1280), ("light", 320)])
def test_neither_view_breaks_a_rule_of_axe(
    page: Page, served: Hospital, lake: ServedDataLake, file: Path, theme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.reload()
    reject(served, "upload/scan.h5")
    released = hold(lake, 3)
    begin(page, served, file)
    wait_for_puts(page, lake, 3)
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "paused")
    released.set()
    found = find_violations(page)
    show(page, served, "inbox")
    expect(page.get_by_text("Its key reads neither")).to_be_visible()
    expect(page.get_by_text("It has 2 DAGs.")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert found + find_violations(page) == []
