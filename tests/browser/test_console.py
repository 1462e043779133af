"""The console in a real browser, on the real functions."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Hospital
from tests.fakes.world import TOKEN, WORKFLOW_ID, make_success
from workflow_manager.domain.errors import UpstreamTimeoutError
from workflow_manager.services.receive_results import Callback

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>alert(1)</script>‮" + "x" * 900
START = "Start the scan"
AT_DEVICE = "I am at this device, and the patient may be scanned now."


def log_in(page: Page, password: str = "secret") -> None:  # noqa: S107 - the fake's
    page.get_by_label("User name").fill("operator")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def show(page: Page, served: Hospital, view: str) -> None:
    page.goto(f"{served.console}#/{view}")


def start_scan(page: Page, served: Hospital) -> None:
    """Open the dialog of a scan."""
    log_in(page)
    show(page, served, f"workflows/{WORKFLOW_ID}")
    page.get_by_role("button", name="Process …").click()
    expect(page.get_by_role("dialog")).to_contain_text(WORKFLOW_ID)


def test_a_wrong_password_is_told_and_a_right_one_shows_the_board(page: Page) -> None:
    log_in(page, "wrong")
    expect(page.get_by_role("dialog")).to_contain_text("Name or password is wrong.")

    log_in(page)
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_token_is_left_nowhere_and_a_reload_logs_in_again(page: Page) -> None:
    log_in(page)
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    stored = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")

    assert TOKEN not in stored + page.content() + page.url + page.title()
    assert page.context.cookies() == []
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_board_shows_first_what_failed_and_then_what_is_under_way(
    page: Page, served: Hospital
) -> None:
    failed, failed_run = served.scan()
    served.tell(failed_run, Callback(success=False, error="No space left."))
    active, _ = served.scan()
    log_in(page)

    needing = page.get_by_role("region", name="Needs somebody")
    expect(needing.get_by_role("link", name=failed[:8])).to_be_visible()
    under_way = page.get_by_role("region", name="Under way")
    expect(under_way.get_by_role("link", name=active[:8])).to_be_visible()


def test_a_change_is_seen_without_a_reload(page: Page, served: Hospital) -> None:
    workflow_id, run = served.scan()
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    expect(page.get_by_role("progressbar")).to_be_visible()

    served.tell(run, make_success(run))

    expect(page.locator("h1 + p")).to_contain_text("done", timeout=10_000)


def test_a_login_that_ends_is_renewed_over_the_page(page: Page, served: Hospital) -> None:
    workflow_id, _ = served.scan()
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    heading = page.get_by_role("heading", name=f"Workflow {workflow_id[:8]}")
    expect(heading).to_be_visible()
    # As API Gateway does when its authorizer no longer knows the token.
    page.route("**/workflows/**", lambda route: route.fulfill(status=401, body="{}"))

    expect(page.get_by_role("dialog")).to_contain_text("Your login has ended", timeout=10_000)
    page.unroute("**/workflows/**")
    log_in(page)

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(heading).to_be_visible()


def test_one_act_starts_no_scan(page: Page, served: Hospital) -> None:
    start_scan(page, served)
    expect(page.get_by_role("button", name=START)).to_be_disabled()

    page.get_by_label(AT_DEVICE).check()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    assert served.world.scan.starts == []


def test_both_acts_start_one_scan_also_by_a_double_click(page: Page, served: Hospital) -> None:
    start_scan(page, served)
    page.get_by_label(AT_DEVICE).check()
    page.get_by_role("button", name=START).dblclick()

    expect(page.get_by_role("dialog")).to_contain_text("The start was sent.")
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    assert len(served.world.scan.starts) == 1


def test_where_nobody_knows_whether_it_scans_it_says_so_and_does_not_repeat(
    page: Page, served: Hospital
) -> None:
    served.world.scan.start_error = UpstreamTimeoutError("The device did not answer.")
    start_scan(page, served)
    page.get_by_label(AT_DEVICE).check()
    page.get_by_role("button", name=START).click()

    expect(page.get_by_role("dialog")).to_contain_text("Nobody knows whether the scan has started.")
    expect(page.get_by_role("button", name=START)).to_have_count(0)


@pytest.mark.parametrize("view", ["workflows", "dag_runs"])
def test_hostile_texts_are_text(page: Page, served: Hospital, view: str) -> None:
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error=HOSTILE))
    log_in(page)
    show(page, served, f"{view}/{workflow_id if view == 'workflows' else run}")

    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    assert page.locator("main img, main script").count() == 0
    assert page.title() == "ScanHub Workflow Manager"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_failed_run_says_why_and_is_started_again(page: Page, served: Hospital) -> None:
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    log_in(page)
    show(page, served, f"dag_runs/{run}")
    expect(page.get_by_text("No space left.")).to_be_visible()

    page.get_by_role("button", name="Start again").click()

    expect(page.get_by_role("status")).to_contain_text("Done: Start again")
    page.get_by_role("link", name=workflow_id[:8]).click()
    expect(page.get_by_role("listitem").filter(has_text="Reconstruction")).to_contain_text("2")


def test_a_workflow_is_cancelled_by_keyboard_alone(page: Page, served: Hospital) -> None:
    workflow_id, _ = served.scan()
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    cancel = page.get_by_role("button", name="Cancel all …")
    expect(cancel).to_be_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if cancel.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Go back")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("h1 + p")).to_contain_text("cancelled", timeout=10_000)


def test_german_words_are_chosen_and_kept(page: Page, served: Hospital) -> None:
    log_in(page)
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Jetzt")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"

    page.reload()
    expect(page.get_by_label("Kennwort")).to_be_visible()


@pytest.mark.skipif(not AXE.is_file(), reason="NOT TESTED: axe-core is not there (make console).")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [1280, 320])
def test_no_view_breaks_a_rule_of_axe(page: Page, served: Hospital, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    found = find_violations(page)
    log_in(page)
    for view in ("", f"workflows/{workflow_id}", f"dag_runs/{run}", "nothing"):
        show(page, served, view)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Loading …")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        found += find_violations(page)
    show(page, served, f"workflows/{WORKFLOW_ID}")
    page.get_by_role("button", name="Process …").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    assert found + find_violations(page) == []


def find_violations(page: Page) -> list[Any]:
    """Return what axe finds; its script is given to the browser by the debugger, not the page."""
    page.evaluate(AXE.read_text())
    run = "() => axe.run().then(({violations}) => violations.map(v => [v.id, v.nodes[0].html]))"
    found: list[Any] = page.evaluate(run)
    return found
