"""The console in a real browser on the whole stack, behind ScanHub's gateway."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.laptop import Json, Laptop, wait_until
from tests.e2e.test_control import get_airflow_state, make_sleeping_task, wait_for_start
from tests.e2e.test_data_protection import PATIENT
from tests.e2e.test_failures import NOT_RAW_DATA
from tests.e2e.watched import AT_DEVICE, START, Watched

# How many greys there are on a canvas.
COUNT_GREYS = """canvas => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
    copy.drawImage(canvas, 0, 0);
    const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(data.filter((_, index) => index % 4 === 0)).size;
}"""


def read_task(laptop: Laptop, ids: Json, number: int) -> Json:
    """Return a task of a workflow as the API shows it."""
    tasks = {task["task_id"]: task for task in laptop.get_workflow(ids["workflow_id"])["tasks"]}
    return dict(tasks[ids["task_ids"][number]])


@pytest.mark.parametrize("is_behind_gateway", [True, False], ids=["gateway", "api"])
def test_form_logs_in_and_leaves_nothing(
    laptop: Laptop, console: Watched, is_behind_gateway: bool
) -> None:
    # Given somebody without a login, at ScanHub's gateway or at the API's own URL
    page, stack = console.page, laptop.stack
    page.goto(stack.console_url if is_behind_gateway else f"{stack.api_url}/console/")
    # When a wrong password is given, then the page says so
    page.get_by_label("User name").fill(stack.username)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("dialog")).to_contain_text("Name or password is wrong.")
    # When the right one is given, then it shows what is under way
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    # And a reload knows nobody, for no cookie was left
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    assert page.context.cookies() == []
    refused = [status for status, _ in console.refused]
    assert refused == ([401, 401, 401] if is_behind_gateway else [401])
    console.refused.clear()


def test_cookie_of_scanhub_logs_in_also_after_a_reload(laptop: Laptop, console: Watched) -> None:
    # Given somebody who has logged in on ScanHub's own page; when the console is opened
    console.log_in()
    console.show()
    # Then it knows who that is, and asks for no password
    expect(console.page.get_by_role("heading", name="Now")).to_be_visible()
    expect(console.page.get_by_text(laptop.stack.username, exact=True)).to_be_visible()
    console.page.reload()
    expect(console.page.get_by_role("heading", name="Now")).to_be_visible()
    expect(console.page.get_by_role("dialog")).to_have_count(0)


def test_workflow_is_seen_from_waiting_to_its_image(laptop: Laptop, console: Watched) -> None:
    # Given a workflow that waits for its scan
    page, ids = console.page, laptop.make_workflow()
    scan_id, _ = ids["task_ids"]
    console.log_in()
    console.show(f"workflows/{ids['workflow_id']}")
    console.expect_state("waiting")
    # When only one of the two acts is done, then nothing starts
    console.open_scan_dialog("Process …")
    expect(page.get_by_role("dialog")).to_contain_text(ids["workflow_id"])
    expect(page.get_by_role("button", name=START)).to_be_disabled()
    page.get_by_label(AT_DEVICE).check()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert laptop.get_scan(scan_id) is None
    # When both are done, with a double click, and the page is loaded anew meanwhile
    console.open_scan_dialog("Process …")
    console.start_scan()
    page.reload()
    # Then one scan is made, and the page follows it to the end by itself
    console.expect_state("under way")
    console.expect_state("done")
    assert laptop.wait_for_scan(scan_id)["n_starts"] == 1
    run_id = read_task(laptop, ids, 1)["dag_run_id"]
    # And the run shows the image, which can be taken along
    page.get_by_role("link", name=run_id[:8]).first.click()
    preview = page.get_by_role("img", name=re.compile("^Preview of"))
    expect(preview).to_be_visible()
    assert preview.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download, image.dcm").click()
    image = downloading.value.path().read_bytes()
    assert image == laptop.read_object(f"result/{run_id}/image.dcm")
    # And can be looked at, in full depth
    page.get_by_role("button", name="Look at the images").click()
    expect(page.get_by_role("img", name=re.compile("^1 of 1"))).to_be_visible()
    canvas = page.get_by_role("group", name="The image").locator("canvas")
    assert canvas.evaluate(COUNT_GREYS) > 16
    # And of the patient it shows nothing
    assert PATIENT.search(console.read_traces().encode()) is None


def has_failed_again(laptop: Laptop, ids: Json) -> bool:
    task = read_task(laptop, ids, 1)
    return (task["attempt"], task["status"]) == (2, "FAILED")


def test_failure_says_why_and_a_rescan_mends_it(laptop: Laptop, console: Watched) -> None:
    # Given a scanner that once uploads something else
    page = console.page
    laptop.switch_fault_on("scanner", "corrupt_data", times=1)
    ids = laptop.make_workflow()
    console.log_in()
    console.show()
    laptop.process(ids["workflow_id"]).raise_for_status()
    # Then the board puts the workflow first, with the reason, which the run has too
    needing = page.get_by_role("region", name="Needs somebody").get_by_role("listitem")
    card = needing.filter(has=page.get_by_role("link", name=ids["workflow_id"][:8]))
    expect(card).to_contain_text(NOT_RAW_DATA)
    card.get_by_role("link", name=ids["workflow_id"][:8]).click()
    run_id = read_task(laptop, ids, 1)["dag_run_id"]
    page.get_by_role("link", name=run_id[:8]).first.click()
    console.expect_state("failed")
    expect(page.get_by_text(NOT_RAW_DATA)).to_be_visible()
    # When the run is started again, then it fails anew, for its data are what they were
    page.get_by_role("button", name="Start again").click()
    expect(page.get_by_role("status").filter(has_text="Done: Start again")).to_be_visible()
    wait_until(lambda: has_failed_again(laptop, ids), "the end of the second run")
    # When the scan is started again, with both acts
    page.get_by_role("link", name=ids["workflow_id"][:8]).click()
    console.open_scan_dialog("Start again, Simulated scan")
    expect(page.get_by_role("dialog")).to_contain_text("This is attempt 2.")
    console.start_scan()
    page.get_by_role("button", name="Close").click()
    # Then the page follows it to the end
    console.expect_state("done")
    assert laptop.wait_for_scan(ids["task_ids"][0])["n_starts"] == 2


def test_workflow_is_cancelled_and_airflow_stops(laptop: Laptop, console: Watched) -> None:
    # Given a workflow whose DAG runs
    page, ids = console.page, laptop.define_workflow(make_sleeping_task())
    laptop.process(ids["workflow_id"]).raise_for_status()
    run_id = wait_for_start(laptop, ids["workflow_id"])
    console.log_in()
    console.show(f"workflows/{ids['workflow_id']}")
    # When somebody does not mean it, then it runs on
    page.get_by_role("button", name="Cancel all …").click()
    page.get_by_role("button", name="Go back").click()
    console.expect_state("under way")
    # When somebody does
    page.get_by_role("button", name="Cancel all …").click()
    page.get_by_role("button", name="Yes, cancel").click()
    # Then it is over, in Airflow too
    console.expect_state("cancelled")
    wait_until(lambda: get_airflow_state(laptop, run_id) == "failed", "Airflow to stop the run")


def test_object_that_fits_nothing_is_found_with_what_to_do(
    laptop: Laptop, console: Watched
) -> None:
    # Given an object for a task that nobody knows, dropped by hand
    page, name = console.page, uuid4().hex
    key = f"acquisition/{name}/{name}/raw.h5"
    laptop.s3.put_object(Bucket=laptop.stack.bucket, Key=key, Body=b"data")
    # When somebody looks into the inbox
    console.log_in()
    console.show("inbox")
    # Then it is there, with its reason and an advice
    row = page.get_by_role("listitem").filter(has_text=key)
    expect(row).to_contain_text("workflow")
    expect(row).to_contain_text("What to do:")
    # And the data lake can be tried from this very browser
    page.get_by_role("button", name="Check the data lake").click()
    expect(page.get_by_text("took one byte")).to_be_visible()


@pytest.mark.parametrize(("is_ours", "status"), [(True, 200), (False, 403)])
def test_data_lake_answers_no_other_page(laptop: Laptop, is_ours: bool, status: int) -> None:
    # Given the console's origin, and another one; when a browser asks whether it may put a part
    origin = laptop.stack.scanhub_url if is_ours else "https://elsewhere.example"
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
    url = f"{laptop.stack.aws_endpoint_url}/{laptop.stack.bucket}/upload/x"
    answer = laptop.plain.request("OPTIONS", url, headers=headers)
    # Then S3 allows the first only
    assert answer.status_code == status
    assert (answer.headers.get("access-control-allow-origin") == origin) is is_ours
