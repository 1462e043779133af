"""Chromium of the machine, for tests in a real browser."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NONE_THERE = "NOT TESTED: the console in a browser, for there is no chromium on the PATH."


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Open Chromium; where there is none, skip the test aloud, or fail it if `CI` is true."""
    path = shutil.which("chromium")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail(NONE_THERE)
    if path is None:
        pytest.skip(NONE_THERE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
