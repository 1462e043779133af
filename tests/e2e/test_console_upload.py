"""Files of 300 MB through the console, whatever happens meanwhile (`make test-load`)."""

import re
import time
from base64 import b64encode
from collections import Counter
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

import pytest
from awscrt.checksums import crc64nvme
from playwright.sync_api import Request, expect

from local.scanhub.seed import SCIENTIST_PASSWORD, SCIENTIST_USERNAME
from tests.e2e.laptop import Json, Laptop
from tests.e2e.watched import Watched

pytestmark = pytest.mark.load
N_BYTES = 300_000_000
DAG = "nothing"
# As many as the page sends at the same time may have been under way.
N_AT_ONCE = 5
N_TURNS = 3


class Parts:
    """The parts that a page sends to the data lake, by number."""

    def __init__(self, console: Watched) -> None:
        self.page = console.page
        self.sent: Counter[int] = Counter()
        self.done: Counter[int] = Counter()
        console.page.on("request", lambda request: self._take(request, self.sent))
        console.page.on("requestfinished", lambda request: self._take(request, self.done))

    def wait_for(self, n_parts: int) -> None:
        """Wait until so many parts have arrived."""
        while len(self.done) < n_parts:
            # Events come in while something of the page is waited for.
            self.page.wait_for_event("requestfinished")

    def _take(self, request: Request, counter: Counter[int]) -> None:
        query = parse_qs(urlsplit(request.url).query)
        if request.method == "PUT" and "partNumber" in query:
            counter[int(query["partNumber"][0])] += 1


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 300 MB of which no two parts are alike."""
    path = tmp_path_factory.mktemp("upload") / "scan.npy"
    block = bytes(range(256)) * 4096
    with path.open("wb") as out:
        for number in range(-(-N_BYTES // len(block))):
            out.write(number.to_bytes(8) + block[8:])
        out.truncate(N_BYTES)
    return path


def log_in_as_scientist(console: Watched) -> str:
    """Log in as somebody whose logout concerns no other test; return the token."""
    form: dict[str, str | float | bool]
    form = {"username": SCIENTIST_USERNAME, "password": SCIENTIST_PASSWORD}
    url = f"{console.laptop.stack.scanhub_url}/api/v1/userlogin/login"
    answer = console.page.request.post(url, form=form)
    return str(answer.json()["access_token"])


def send(console: Watched, file: Path) -> None:
    """Choose a file and a DAG, and press."""
    page = console.page
    page.get_by_label("What it is for").select_option(DAG)
    page.get_by_label("File: choose it, or drop it on this page").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()


def expect_uploaded(console: Watched, file: Path) -> Json:
    """Wait for the end; check that S3 has the file, and return its head."""
    page, laptop = console.page, console.laptop
    upload = page.get_by_role("region", name="This upload")
    expect(upload.get_by_role("status").first).to_contain_text("uploaded")
    expect(upload).to_contain_text("CRC-64/NVME")
    upload.get_by_role("link", name="To its run").click()
    expect(page).to_have_url(re.compile("#/dag_runs/"))
    run_id = page.url.rpartition("/")[2]
    laptop.wait_for_run(run_id, "SUCCEEDED")
    key = laptop.read_run_item(run_id)["data"]["M"]["key"]["S"]
    crc = b64encode(crc64nvme(file.read_bytes()).to_bytes(8)).decode()
    head = laptop.s3.head_object(Bucket=laptop.stack.bucket, Key=key, ChecksumMode="ENABLED")
    assert head["ContentLength"] == N_BYTES
    body = laptop.s3.get_object(Bucket=laptop.stack.bucket, Key=key)["Body"]
    assert b64encode(crc64nvme(body.read()).to_bytes(8)).decode() == crc
    return dict(head)


def test_upload_outlives_a_reload_and_a_login(laptop: Laptop, console: Watched, file: Path) -> None:
    # Given an upload of which some parts have arrived
    page, parts = console.page, Parts(console)
    page.on("dialog", lambda dialog: dialog.accept())
    token = log_in_as_scientist(console)
    console.show("upload")
    send(console, file)
    parts.wait_for(4)
    # When the page is loaded anew, and the same file chosen again
    page.reload()
    arrived = set(parts.done)
    again = page.get_by_label(f"To go on, choose the same file again: {file.name}")
    expect(again).to_be_visible()
    again.set_input_files(file)
    # And the login ends everywhere meanwhile
    logout = f"{laptop.stack.scanhub_url}/api/v1/userlogin/logout"
    laptop.plain.post(logout, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    expect(page.get_by_role("dialog")).to_contain_text("Your login has ended")
    page.get_by_label("User name").fill(SCIENTIST_USERNAME)
    page.get_by_label("Password").fill(SCIENTIST_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    # Then it goes on, no part that had arrived was sent again, and S3 has the file
    expect_uploaded(console, file)
    n_parts = -(-N_BYTES // (16 * 1024 * 1024))
    assert set(parts.done) == set(range(1, n_parts + 1))
    assert {number for number in arrived if parts.sent[number] > 1} == set()
    assert sum(parts.sent.values()) <= n_parts + N_AT_ONCE
    assert {status for status, _ in console.refused} <= {401, 403}
    console.refused.clear()


def test_upload_is_measured_beside_the_command_line(
    laptop: Laptop, console: Watched, file: Path, measurements: dict[str, float | str]
) -> None:
    # Given the same file, to be sent by the page and by the client library, in turns
    rates: dict[str, list[float]] = {"browser": [], "command line": []}
    for _ in range(N_TURNS):
        console.log_in()
        console.show("upload")
        began_s = time.monotonic()
        send(console, file)
        upload = console.page.get_by_role("region", name="This upload")
        expect(upload.get_by_role("status").first).to_contain_text("uploaded")
        rates["browser"].append(N_BYTES / 1e6 / (time.monotonic() - began_s))
        began_s = time.monotonic()
        laptop.upload(file, DAG)
        rates["command line"].append(N_BYTES / 1e6 / (time.monotonic() - began_s))
        console.page.reload()
    # Then the summary tells how fast each was
    text = ", ".join(f"{who} {median(each):.0f} MB/s" for who, each in rates.items())
    measurements[f"upload of {N_BYTES / 1e6:.0f} MB, median of {N_TURNS}"] = text
