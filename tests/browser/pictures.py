"""Draw docs/images/console-*.png from a hospital in memory: `python -m tests.browser.pictures`."""

from __future__ import annotations

import io
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import Hospital, now, serve_hospital
from tests.chromium import FLAGS
from tests.fakes import world as hospital
from tests.fakes.head_series import make_preview, make_series
from tests.fakes.ports import call
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.services.receive_results import Callback
from workflow_manager.services.trigger_airflow import ObjectCreated, trigger_airflow

FOLDER = Path(__file__).resolve().parents[2] / "docs/images"
SIZE = {"width": 1120, "height": 700}
# So few colours make a file small; with fewer, words of different states look alike.
N_COLOURS = 256
N_IMAGES = 24
FULL = "There is no space left on the disk of the worker: free some, then start it again."


def fill(served: Hospital) -> dict[str, str]:
    """Let things happen; return the views that show them, by the name of their picture."""
    status = SystemStatus(checked_at=datetime.now(UTC))
    served.world.store.get_system_status = lambda: status
    failed, failed_run = served.scan()
    served.tell(failed_run, Callback(success=False, error=FULL))
    _, going_run = served.scan()
    served.tell(going_run, Callback(progress=62))
    for _ in range(2):
        _, done_run = served.scan()
        served.leave(done_run, make_series(N_IMAGES), make_preview())
    reject(served)
    # Last, as the device is free then.
    served.begin()
    return {
        "now": "",
        "workflow": f"workflows/{failed}",
        "run": f"dag_runs/{done_run}",
        "viewer": f"dag_runs/{done_run}",
        "upload": "upload",
        "inbox": "inbox",
    }


def reject(served: Hospital) -> None:
    """Let an object come that fits nothing."""
    key = f"acquisition/{uuid4()}/{uuid4()}/scan.h5"
    data = ObjectVersion(bucket="data-lake", key=key, version_id="v1", size_bytes=1000)
    hospital.store(served.world, data)
    call(trigger_airflow, served.world, ObjectCreated(data), now("trigger_airflow"))


def log_in(page: Page, served: Hospital) -> None:
    page.goto(served.console)
    page.get_by_label("User name").fill("operator")
    page.get_by_label("Password").fill("secret")


def show(page: Page, served: Hospital, name: str, view: str) -> None:
    page.goto(f"{served.console}#/{view}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading …")).to_have_count(0)
    if name == "run":
        expect(page.get_by_role("img", name="Preview")).to_be_visible()
    if name == "upload":
        content = {"name": "raw.h5", "mimeType": "application/x-hdf5", "buffer": bytes(4_000_000)}
        page.get_by_label("File: choose it").set_input_files(files=[content])
    if name == "viewer":
        page.get_by_role("button", name="Look at the images").click()
        expect(page.get_by_text("In the order of their places")).to_be_visible()
        expect(page.get_by_role("img", name="of 24, top A")).to_be_visible()


def save(page: Page, path: Path) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.quantize(N_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def draw(folder: Path, theme: str = "dark", width: int = SIZE["width"]) -> None:
    """Draw the picture of each view into a folder."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        serve_hospital(monkeypatch) as served,
        sync_playwright() as playwright,
    ):
        path = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport=SIZE | {"width": width}, locale="en-GB")
        page.add_init_script(f"localStorage.setItem('theme', '{theme}')")
        views = fill(served)
        log_in(page, served)
        save(page, folder / "console-login.png")
        page.get_by_role("button", name="Log in").click()
        for name, view in views.items():
            show(page, served, name, view)
            save(page, folder / f"console-{name}.png")
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
