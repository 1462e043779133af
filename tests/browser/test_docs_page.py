"""/docs in a real browser, which finds no other host than ours."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from functions.get_openapi.app import lambda_handler
from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.served import serve
from tests.unit.functions.conftest import load_event

BASE = "/v1/workflowmanager"
FILES = ["docs/start.js", "docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "openapi.json"]
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
TIMEOUT_S = 120


def ask(path: str) -> httpx.Response:
    event = load_event("get_openapi", "docs") | {"path": path}
    answer = lambda_handler(event, FakeLambdaContext())
    return httpx.Response(answer["statusCode"], headers=answer["headers"], text=answer["body"])


@pytest.mark.parametrize("before", ["/api", "/restapis/abc123/api/_user_request_"])
@pytest.mark.parametrize("page", ["docs", "docs/"])
def test_page_shows_every_operation_without_internet_and_within_its_policy(
    tmp_path: Path, before: str, page: str
) -> None:
    # Asked beforehand: the server has threads, a function one.
    answers = {f"{before}{BASE}/{name}": ask(f"{before}{BASE}/{name}") for name in [page, *FILES]}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return answers.get(request.url.path, httpx.Response(404))

    with serve(answer) as url:
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", ALONE]
        command += [f"--user-data-dir={tmp_path}", "--enable-logging=stderr"]
        command += ["--virtual-time-budget=20000", "--dump-dom", f"{url}{before}{BASE}/{page}"]
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command, capture_output=True, text=True, check=True, timeout=TIMEOUT_S
        )

    paths = json.loads(answers[f"{before}{BASE}/openapi.json"].text)["paths"]
    n_operations = sum(len(methods) for methods in paths.values())
    assert sorted(asked) == sorted(answers)
    assert done.stdout.count('class="opblock-summary-method"') == n_operations
    # Where it would send what is tried.
    assert f"{url}{before}{BASE}</option>" in done.stdout
    # What the browser refuses by the policy, it says there.
    assert ":CONSOLE" not in done.stderr
