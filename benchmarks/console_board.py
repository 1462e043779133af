"""The console's board in Chromium, with few workflows and with many.

    make benchmark-console

The functions run over memory, so what is measured is the page. docs/console.md has the figures.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import astuple, dataclass

import pytest
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from benchmarks.report import describe_machine, make_table, take_medians
from tests.browser.conftest import Hospital, serve_hospital
from tests.chromium import FLAGS
from tests.fakes.world import make_success

COUNTS = (10, 500)
N_ROUNDS = 3
IDLE_S = 33  # two polls of the first page, and one of what does not fit on it
TIMEOUT_MS = 120_000


@dataclass(frozen=True)
class Figures:
    """What one page took.

    Attributes
    ----------
    shown_ms
        From the login to the first cards, which can be clicked.
    whole_ms
        From the login until every workflow is counted.
    script_ms, idle_script_ms
        Scripts until then, and during `IDLE_S` in which nothing changes.
    heap_mb, n_nodes
        Of JavaScript and of the document, after a collection of garbage.
    """

    shown_ms: float
    whole_ms: float
    script_ms: float
    idle_script_ms: float
    heap_mb: float
    n_nodes: float


def measure(page: Page, served: Hospital, n_workflows: int) -> Figures:
    """Log in and wait."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    page.goto(served.console)
    page.get_by_label("User name").fill("operator")
    page.get_by_label("Password").fill("secret")
    script_s = read(cdp, "ScriptDuration")
    begun_s = time.perf_counter()
    page.get_by_role("button", name="Log in").click()
    ended = page.get_by_role("region", name="Ended lately")
    ended.get_by_role("link").first.click(trial=True, timeout=TIMEOUT_MS)
    shown_s = time.perf_counter()
    expect(ended.locator(".count")).to_have_text(str(n_workflows), timeout=TIMEOUT_MS)
    whole_s = time.perf_counter()
    idle_from_s = read(cdp, "ScriptDuration")
    page.wait_for_timeout(IDLE_S * 1000)
    idle_to_s = read(cdp, "ScriptDuration")
    cdp.send("HeapProfiler.collectGarbage")
    return Figures(
        shown_ms=(shown_s - begun_s) * 1000,
        whole_ms=(whole_s - begun_s) * 1000,
        script_ms=(idle_from_s - script_s) * 1000,
        idle_script_ms=(idle_to_s - idle_from_s) * 1000,
        heap_mb=read(cdp, "JSHeapUsedSize") / 1e6,
        n_nodes=read(cdp, "Nodes"),
    )


def read(cdp: CDPSession, name: str) -> float:
    """Return one of Chromium's metrics."""
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == name))


def main() -> int:
    """Print a table; no figure is a limit."""
    rows = []
    with sync_playwright() as playwright:
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for n_workflows in COUNTS:
            with pytest.MonkeyPatch.context() as patch, serve_hospital(patch) as served:
                for _ in range(n_workflows):
                    _, run = served.scan()
                    served.tell(run, make_success(run))
                found = []
                for _ in range(N_ROUNDS):
                    with browser.new_context(locale="en-GB") as context:
                        found.append(measure(context.new_page(), served, n_workflows))
            figures = astuple(take_medians(found))
            rows.append([str(n_workflows), *(f"{each:,.0f}" for each in figures)])
        browser.close()
    head = ["workflows", "first cards ms", "all counted ms", "scripts ms"]
    head += [f"scripts ms in idle {IDLE_S} s", "heap MB", "nodes"]
    print(f"{describe_machine()}\n\n{make_table(head, rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
