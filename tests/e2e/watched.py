"""A page of the console in Chromium, and all that it asked, said and left behind."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Response, expect

from tests.e2e.laptop import Laptop

TIMEOUT_MS = 120_000
START = "Start the scan"
AT_DEVICE = "I am at this device, and the patient may be scanned now."
SIGNATURE = re.compile("X-Amz-(?:Signature|Credential)", re.IGNORECASE)
# What a page can leave behind, and what it shows: all of it as one text.
READ_TRACES = """async () => {
  const databases = await indexedDB.databases();
  const kept = await Promise.all(databases.map(({name}) => new Promise((resolve, reject) => {
    const opening = indexedDB.open(name);
    opening.onerror = reject;
    opening.onsuccess = async () => {
      const database = opening.result;
      const found = await Promise.all([...database.objectStoreNames].map(store =>
        new Promise(done => {
          const reading = database.transaction(store).objectStore(store).getAll();
          reading.onsuccess = () => done(reading.result);
        })));
      database.close();
      resolve(found);
    };
  })));
  const cached = await Promise.all((await caches.keys()).map(async name =>
    (await (await caches.open(name)).keys()).map(({url}) => url)));
  const fields = [...document.querySelectorAll("input, textarea")].map(({value}) => value);
  return JSON.stringify([kept, cached, fields, {...localStorage}, {...sessionStorage},
    document.cookie, document.title, location.href, history.state]) +
    document.documentElement.outerHTML;
}"""


@dataclass
class Watched:
    """A page, with the addresses it asked, what it said and what it was refused (status, path)."""

    laptop: Laptop
    page: Page
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def log_in(self) -> None:
        """Log in at ScanHub, as its own page does; its cookie stays in the browser."""
        stack = self.laptop.stack
        form: dict[str, str | float | bool]
        form = {"username": stack.username, "password": stack.password}
        answer = self.page.request.post(f"{stack.scanhub_url}/api/v1/userlogin/login", form=form)
        assert answer.ok

    def show(self, view: str = "") -> None:
        """Show a view of the console behind ScanHub's gateway."""
        self.page.goto(f"{self.laptop.stack.console_url}#/{view}")
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def expect_state(self, word: str) -> None:
        """Wait until a workflow or run that is shown has this state."""
        expect(self.page.locator("h1 + p")).to_contain_text(word)

    def open_scan_dialog(self, button: str) -> None:
        """Press a button that leads to a scan."""
        self.page.get_by_role("button", name=button).first.click()
        expect(self.page.get_by_role("dialog")).to_contain_text("Start a scan")

    def start_scan(self) -> None:
        """Perform both acts of the dialog that is open, the second one as a double click."""
        self.page.get_by_label(AT_DEVICE).check()
        self.page.get_by_role("button", name=START).dblclick()
        expect(self.page.get_by_role("dialog")).to_contain_text("The start was sent.")

    def read_traces(self) -> str:
        """Return all that the page shows and keeps."""
        traces: str = self.page.evaluate(READ_TRACES)
        return traces

    def note(self, response: Response) -> None:
        """Note a refusal."""
        if response.status >= 400:
            self.refused.append((response.status, response.url.rpartition("/api/v1/")[2]))


@contextmanager
def watch(browser: Browser, laptop: Laptop) -> Iterator[Watched]:
    """Open an empty page; in the end it has asked nobody else, broken no policy, kept no secret."""
    with browser.new_context(locale="en-GB", timezone_id="Europe/Berlin") as context:
        page = context.new_page()
        # The first call of each function starts it.
        page.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        watched = Watched(laptop, page)
        page.on("request", lambda request: watched.asked.append(request.url))
        page.on("response", watched.note)
        page.on("pageerror", lambda error: watched.said.append(str(error)))
        page.on("console", lambda message: watched.said.append(message.text))
        yield watched
        check(watched)


def check(watched: Watched) -> None:
    """Check what holds for each page of the console at any time."""
    stack = watched.laptop.stack
    ours = (stack.scanhub_url, stack.aws_endpoint_url, f"blob:{stack.scanhub_url}")
    assert [url for url in watched.asked if not url.startswith(ours)] == []
    assert [url for url in watched.asked if stack.token in url] == []
    # What a server refuses, the browser reports too: `refused` has it.
    assert [text for text in watched.said if not text.startswith("Failed to load")] == []
    assert watched.refused == []
    traces = watched.read_traces()
    assert stack.token not in traces
    assert stack.password not in traces
    assert SIGNATURE.search(traces) is None
