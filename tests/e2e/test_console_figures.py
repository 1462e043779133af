"""What an open board of the console asks for, and how soon it shows (`make test-load`)."""

import gzip
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from local.config import ROOT
from tests.e2e.laptop import Laptop
from tests.e2e.test_control import make_sleeping_task, wait_for_start
from tests.e2e.watched import Watched

pytestmark = pytest.mark.load
STATIC = ROOT / "functions" / "get_console" / "static"
# Four of the longest pauses, and some.
MEASURED_S = 62
N_LOADS = 5
# Asked at 3 s while something is active, at 15 s else; by three questions.
MAX_IDLE_PER_HOUR, MAX_BUSY_PER_HOUR = 900, 2_000


@dataclass
class Traffic:
    """Requests, and bytes of them and of their answers with all headers."""

    n_requests: int = 0
    n_bytes: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    def take(self, name: str, event: Any) -> None:
        """Count an event of Chromium's network."""
        if name == "requestWillBeSentExtraInfo":
            self.n_requests += 1
            self.n_bytes += sum(
                len(key) + len(value) + 4 for key, value in event["headers"].items()
            )
        elif name == "responseReceivedExtraInfo":
            status = str(event["statusCode"])
            self.statuses[status] = self.statuses.get(status, 0) + 1
        elif name == "loadingFinished":
            self.n_bytes += int(event["encodedDataLength"])

    def describe(self, duration_s: float) -> str:
        """Return what it is in an hour."""
        n_times = 3600 / duration_s
        statuses = ", ".join(f"{n} times {status}" for status, n in sorted(self.statuses.items()))
        return (
            f"{self.n_requests * n_times:.0f} requests and {self.n_bytes * n_times / 1e6:.2f} MB "
            f"an hour ({duration_s:.0f} s: {statuses})"
        )


@contextmanager
def count(page: Page) -> Iterator[Traffic]:
    """Count what a page asks for."""
    traffic, session = Traffic(), page.context.new_cdp_session(page)
    for name in ("requestWillBeSentExtraInfo", "responseReceivedExtraInfo", "loadingFinished"):
        listen(session, name, traffic)
    session.send("Network.enable")
    yield traffic
    session.detach()


def listen(session: CDPSession, name: str, traffic: Traffic) -> None:
    session.on(f"Network.{name}", lambda event: traffic.take(name, event))


def measure(console: Watched) -> tuple[Traffic, float]:
    """Return what the open board asks for, in seconds [s]."""
    began_s = time.monotonic()
    with count(console.page) as traffic:
        console.page.wait_for_timeout(MEASURED_S * 1000)
    return traffic, time.monotonic() - began_s


def cancel_all(laptop: Laptop) -> None:
    """Cancel whatever other tests have left under way."""
    answer = laptop.api.get("/workflows/", params={"status": "running", "limit": 100})
    for workflow in answer.raise_for_status().json()["workflows"]:
        laptop.api.post(f"/workflows/{workflow['workflow_id']}/cancel/").raise_for_status()


def test_open_board_asks_little(
    laptop: Laptop, console: Watched, measurements: dict[str, float | str]
) -> None:
    # Given a board on which nothing is under way
    cancel_all(laptop)
    console.log_in()
    console.show()
    expect(console.page.get_by_text("Nothing is under way.")).to_be_visible()
    # When nobody touches it
    idle, idle_s = measure(console)
    # And when something is under way
    ids = laptop.define_workflow(make_sleeping_task())
    laptop.process(ids["workflow_id"]).raise_for_status()
    wait_for_start(laptop, ids["workflow_id"])
    link = console.page.get_by_role("link", name=ids["workflow_id"][:8])
    expect(link).to_be_visible()
    busy, busy_s = measure(console)
    laptop.api.post(f"/workflows/{ids['workflow_id']}/cancel/").raise_for_status()
    # Then it asks at the pace that it should
    measurements["open board, idle"] = idle.describe(idle_s)
    measurements["open board, busy"] = busy.describe(busy_s)
    assert 0 < idle.n_requests * 3600 / idle_s <= MAX_IDLE_PER_HOUR
    assert idle.n_requests < busy.n_requests
    assert busy.n_requests * 3600 / busy_s <= MAX_BUSY_PER_HOUR


def test_first_load_is_small(console: Watched, measurements: dict[str, float | str]) -> None:
    # Given somebody who is logged in at ScanHub, with nothing in the browser's cache
    console.log_in()
    loads_ms = []
    for _ in range(N_LOADS):
        began_s = time.monotonic()
        console.show()
        expect(console.page.get_by_role("heading", name="Needs somebody")).to_be_visible()
        loads_ms.append((time.monotonic() - began_s) * 1000)
        console.page.goto("about:blank")
    # Then what it loads is, compressed as API Gateway does it, no more than was promised
    names = {url.partition("/console/")[2].partition("#")[0] for url in console.asked}
    files = [STATIC / (name or "index.html") for name in names if not name.startswith("http")]
    n_bytes = sum(len(gzip.compress(file.read_bytes())) for file in files if file.is_file())
    measurements["first load"] = (
        f"{n_bytes / 1000:.0f} kB compressed; {loads_ms[0]:.0f} ms at first, "
        f"then {median(loads_ms[1:]):.0f} ms, until the board is there"
    )
    assert 0 < n_bytes <= 120_000
    console.show()
