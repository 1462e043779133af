"""The console in a real browser, on the real functions."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Hospital
from tests.fakes.head_series import make_preview, make_series
from tests.fakes.world import TOKEN, WORKFLOW_ID, make_success
from workflow_manager.domain.errors import UpstreamTimeoutError
from workflow_manager.services.receive_results import Callback
from workflow_manager.settings import get_settings

AXE = Path(__file__).parents[2] / "console/node_modules/axe-core/axe.min.js"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>alert(1)</script>‮" + "x" * 900
START = "Start the scan"
AT_DEVICE = "I am at this device, and the patient may be scanned now."


def log_in(page: Page, password: str = "secret", name: str = "operator") -> None:  # noqa: S107 - the fake's
    page.get_by_label("User name").fill(name)
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
    for _ in range(4):
        # Chromium closes a dialog at the third one, whatever the page says.
        page.keyboard.press("Escape")
    log_in(page)

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(heading).to_be_visible()


def test_who_logs_in_after_another_sees_nothing_of_what_he_saw(
    page: Page, served: Hospital
) -> None:
    workflow_id, _ = served.scan()
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    tasks = page.get_by_role("heading", name="Tasks")
    expect(tasks).to_be_visible()
    page.route("**/workflows/**", lambda route: route.fulfill(status=401, body="{}"))
    expect(page.get_by_role("dialog")).to_contain_text("Your login has ended", timeout=10_000)
    expect(tasks).to_have_count(1)

    page.unroute("**/workflows/**")
    page.route("**/workflows/**", lambda _: None)
    log_in(page, name="other")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tasks).to_have_count(0)


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
    if not AXE.is_file():
        pytest.skip("NOT TESTED: axe-core is not there (make console).")
    page.evaluate(AXE.read_text())
    found: list[Any] = page.evaluate("""() =>
        axe.run({rules: {'target-size': {enabled: true}}}).then(({violations}) =>
            violations.map(each => [each.id, each.nodes[0].html]))""")
    return found


VIEWS = ["", "workflows/{workflow}", "dag_runs/{run}"]
# What the page goes by: everything else of an answer is a text that anybody may have written.
KEPT = re.compile(r"(_id|_ids|url|cursor|key|^access_token|^(task_)?status|^state|^type)$")
LONG = HOSTILE + "x" * 10_000
# Names, and the API's own sentences and words.
SAME_IN_GERMAN = {"Workflow", "DAG", "Airflow", "Name", "Version", "ScanHub Workflow Manager"}
TEXTS = """() => {
    const found = [];
    const own = element => !element.closest('[lang=en], bdi, code, time, .reveals');
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        if (own(walk.currentNode.parentElement)) found.push(walk.currentNode.data.trim());
    }
    for (const element of document.querySelectorAll('[aria-label], [title], [alt]')) {
        if (!own(element)) continue;
        for (const name of ['aria-label', 'title', 'alt']) {
            found.push((element.getAttribute(name) ?? '').trim());
        }
    }
    return found.filter(text => /[A-Za-z]{3}/.test(text));
}"""


def replace_texts(value: Any, key: str = "") -> Any:
    """Return an answer of the API with a hostile text in each field that may hold one."""
    if isinstance(value, dict):
        return {name: replace_texts(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [replace_texts(each, key) for each in value]
    return LONG if isinstance(value, str) and not KEPT.search(key) else value


def answer_hostile(route: Route) -> None:
    response = route.fetch()
    if "application/json" not in response.headers.get("content-type", ""):
        route.fulfill(response=response)
    else:
        route.fulfill(response=response, json=replace_texts(response.json()))


def wait_for(page: Page) -> None:
    """Wait until somebody is logged in and the view stands."""
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("main").get_by_text(re.compile("Loading …|Wird geladen …"))).to_have_count(
        0
    )


@pytest.mark.parametrize("view", VIEWS)
def test_a_hostile_text_in_any_field_is_isolated_and_cut(
    page: Page, served: Hospital, view: str
) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    log_in(page)
    page.route("**/workflowmanager/**", answer_hostile)
    page.reload()
    log_in(page)
    show(page, served, view.format(workflow=workflow_id, run=run))
    wait_for(page)
    expect(page.locator("main").get_by_text("<script>alert(1)</script>").first).to_be_visible()
    outside = page.evaluate("""() => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        const found = [];
        while (walk.nextNode()) {
            const {data, parentElement} = walk.currentNode;
            if (data.includes('<script>') && !parentElement.closest('bdi, time, text')) {
                found.push(parentElement.outerHTML.slice(0, 200));
            }
        }
        return found;
    }""")

    assert outside == []
    assert page.locator("body img, main script").count() == 0
    assert page.title() == "ScanHub Workflow Manager"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "x" * 1000 not in page.locator("main").inner_text()
    page.locator("main").get_by_role("button", name="Show all of it").first.press("Enter")
    assert "x" * 10_000 in page.locator("main").inner_text()


def test_no_english_text_is_in_the_german_page(page: Page, served: Hospital) -> None:
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    _, done_run = served.scan()
    served.leave(done_run, make_series(2), make_preview())
    views = [view.format(workflow=workflow_id, run=run) for view in VIEWS]
    views += ["nothing", f"dag_runs/{done_run}"]

    def list_texts() -> set[str]:
        found = set(page.evaluate(TEXTS))
        log_in_button = page.locator("form button")
        page.locator("input[name=username]").fill("operator")
        page.locator("input[name=password]").fill("secret")
        log_in_button.click()
        for view in views:
            show(page, served, view)
            wait_for(page)
            found |= set(page.evaluate(TEXTS))
        page.locator("button.first").click()
        expect(page.locator("canvas")).to_be_visible()
        found |= set(page.evaluate(TEXTS))
        show(page, served, f"workflows/{WORKFLOW_ID}")
        return found

    english = list_texts()
    page.evaluate("localStorage.setItem('language', 'de')")
    page.goto(served.console)
    page.reload()
    expect(page.get_by_label("Kennwort")).to_be_visible()
    german = list_texts()

    assert len(german) > 50
    assert english & german - SAME_IN_GERMAN == set()


FOCUSABLE = "main :is(a[href], button, input, summary, [tabindex='0'])"
# Where the focus is among them, and whether somebody sees that.
FOCUSED = """selector => {
    const found = [...document.querySelectorAll(selector)].indexOf(document.activeElement);
    return [found, getComputedStyle(document.activeElement).outlineStyle !== 'none'];
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_the_tab_key_leads_to_all_that_can_be_pressed(
    page: Page, served: Hospital, view: str
) -> None:
    workflow_id, run = served.scan()
    served.leave(run, make_series(2))
    log_in(page)
    show(page, served, view.format(workflow=workflow_id, run=run))
    wait_for(page)
    expect(page.locator(FOCUSABLE).first).to_be_visible()
    n_focusable = page.locator(FOCUSABLE).count()
    page.get_by_role("link", name="Skip to content").press("Enter")
    seen = []
    for _ in range(n_focusable):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED, FOCUSABLE))

    assert seen == [[index, True] for index in range(n_focusable)]


def test_focus_stays_where_it_is_when_the_page_is_refreshed(page: Page, served: Hospital) -> None:
    workflow_id, run = served.scan()
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    page.get_by_role("button", name="Check").focus()
    served.tell(run, Callback(progress=62))
    expect(page.locator("main").get_by_text("62%").first).to_be_visible(timeout=10_000)

    expect(page.get_by_role("button", name="Check")).to_be_focused()


def test_no_live_region_interrupts(page: Page, served: Hospital) -> None:
    log_in(page)
    show(page, served, "workflows/unknown")
    expect(page.get_by_role("alert")).to_be_visible()
    loud = "[aria-live=assertive], [role=alert]:not([aria-live=polite])"
    assert page.locator(loud).count() == 0


def test_nothing_moves_for_whom_motion_is_reduced(page: Page, served: Hospital) -> None:
    page.emulate_media(reduced_motion="reduce")
    served.scan()
    log_in(page)
    expect(page.get_by_role("heading", name="Now")).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0


def test_all_that_failed_is_started_again_and_what_was_not_is_told(
    page: Page, served: Hospital
) -> None:
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    log_in(page)
    show(page, served, f"workflows/{workflow_id}")
    page.get_by_role("button", name="Start all that failed again").click()

    expect(page.get_by_text("One task was started again.")).to_be_visible()
    expect(page.locator("h1 + p")).to_contain_text("under way", timeout=10_000)


@pytest.fixture
def only_reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the caller's role read only."""
    may = {"medical": ["get_me", "get_workflow", "get_dag_run", "list_results", "list_workflows"]}
    with monkeypatch.context() as patch:
        patch.setenv("ROLE_PERMISSIONS", json.dumps(may))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


def test_acts_of_another_role_are_not_offered(
    page: Page, served: Hospital, only_reading: None
) -> None:
    workflow_id, run = served.scan()
    served.tell(run, Callback(success=False, error="No space left."))
    log_in(page)
    for view in VIEWS[1:]:
        show(page, served, view.format(workflow=workflow_id, run=run))
        expect(page.get_by_text("not offered here")).to_be_visible()
        assert page.locator("main").get_by_role("button").count() == 0
    expect(page.locator("header")).to_contain_text("Medical staff")


def test_the_end_of_a_login_is_shown_where_it_is_known(page: Page, served: Hospital) -> None:
    me = {"username": "operator", "role": "medical", "permissions": [], "ends_at": "2026-11-29"}
    page.route("**/me/", lambda route: route.fulfill(json=me))
    log_in(page)
    expect(page.locator("header")).to_contain_text("login ends 29/11/2026")


def test_of_500_workflows_each_is_found_and_few_are_drawn(page: Page, served: Hospital) -> None:
    for _ in range(150):
        _, run = served.scan()
        served.tell(run, make_success(run))
    log_in(page)
    ended = page.get_by_role("region", name="Ended lately")
    expect(ended.get_by_role("heading", level=2)).to_contain_text("150", timeout=20_000)
    assert ended.get_by_role("listitem").count() == 30
    ended.get_by_role("button", name="Show more").click()
    expect(ended.get_by_role("listitem")).to_have_count(60)
