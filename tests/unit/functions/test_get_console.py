"""The console's files, and the policy under which a browser runs them."""

import json
from typing import Any

import pytest

from functions.get_console.app import FILES
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.http.console_files import find_data_lake, make_policy

BASE = "/v1/workflowmanager/console"
# Before Base64 or text in JSON, of which Lambda hands on 6 MB.
MAX_FILE_BYTES = 1_000_000
HASHED = [name for name in FILES if name.startswith("assets/")]


def get(invoke: Invoke, path: str, **headers: str) -> Any:
    event = load_event("get_console", "page") | {"path": path}
    event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
    return invoke("get_console", event)


@pytest.mark.parametrize("before", ["", "/api", "/wm", "/restapis/abc/api/_user_request_"])
def test_page_without_its_slash_leads_to_the_one_with_it(invoke: Invoke, before: str) -> None:
    answer = get(invoke, f"{before}{BASE}")

    # Relative: what stands before it is not known here.
    assert (answer["statusCode"], answer["headers"]["location"]) == (302, "console/")


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_is_text_under_the_policy(invoke: Invoke, name: str) -> None:
    answer = get(invoke, f"{BASE}/{name}")

    headers = answer["headers"]
    assert answer["statusCode"] == 200
    assert answer["isBase64Encoded"] is False
    assert answer["body"] == FILES[name].read_text(encoding="utf-8")
    assert len(json.dumps(answer["body"])) < MAX_FILE_BYTES
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


def test_page_is_never_kept_and_its_parts_for_ever(invoke: Invoke) -> None:
    page = get(invoke, f"{BASE}/")
    part = get(invoke, f"{BASE}/{HASHED[0]}")

    assert page["headers"]["content-type"] == "text/html; charset=utf-8"
    assert page["headers"]["cache-control"] == "no-store"
    assert part["headers"]["cache-control"] == "public, max-age=31536000, immutable"
    assert all(name in page["body"] or name.endswith(".js") for name in HASHED)


def test_who_has_a_file_gets_no_second(invoke: Invoke) -> None:
    etag = get(invoke, f"{BASE}/{HASHED[0]}")["headers"]["etag"]

    answer = get(invoke, f"{BASE}/{HASHED[0]}", **{"If-None-Match": etag})

    assert (answer["statusCode"], answer["body"]) == (304, "")
    assert answer["headers"]["etag"] == etag


def test_policy_lets_in_the_page_and_the_data_lake_alone() -> None:
    directives = [each.split() for each in make_policy("https://lake.test").split(";")]

    assert {name: sources for name, *sources in directives} == {
        "default-src": ["'none'"],
        "script-src": ["'self'", "'wasm-unsafe-eval'"],
        "style-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", "https://lake.test"],
        "img-src": ["'self'", "blob:", "data:", "https://lake.test"],
        "worker-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


@pytest.mark.parametrize(
    ("environment", "origins"),
    [
        ({"AWS_REGION": "eu-central-1"}, "https://b.s3.eu-central-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://b.s3.cn-north-1.amazonaws.com.cn"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
            "http://127.0.0.1:4566 http://b.127.0.0.1:4566",
        ),
    ],
)
def test_data_lake_is_where_signed_urls_lead(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], origins: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert find_data_lake("b") == origins


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "assets/../../app.py",
        "assets",
        "assets/",
        "/etc/passwd",
        "static/index.html",
        "index.html/",
        "index.html\x00",
        "unknown.js",
        "x" * 5000,
    ],
)
def test_no_other_file_is_served(invoke: Invoke, name: str) -> None:
    answer = get(invoke, f"{BASE}/{name}")

    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert read_body(answer)["detail"] == "The console has no such file."
