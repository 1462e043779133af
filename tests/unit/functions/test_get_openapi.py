import json
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from local.setup import DEV
from local.swagger_ui import FILES, place
from tests.unit.functions.conftest import Invoke, load_event, read_body
from tools.openapi import make_documents

# How an address may begin: API Gateway's stage, a domain's base path, the emulator, none.
BEFORE = ["/api", "/wm", "/restapis/abc123/api/_user_request_", ""]
LAMBDA_ANSWER_MAX_BYTES = 6 * 1024**2


class Links(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self._is_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href")]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]
        self._is_script = tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._is_script and data.strip():
            self.inline.append(data)


def get(invoke: Invoke, path: str) -> Any:
    return invoke("get_openapi", load_event("get_openapi", "docs") | {"path": path})


def read_policy(answer: dict[str, Any]) -> dict[str, list[str]]:
    directives = answer["headers"]["content-security-policy"].split(";")
    return {name: sources for name, *sources in map(str.split, directives)}


def test_get_openapi_answers_the_merged_document(invoke: Invoke) -> None:
    answer = invoke("get_openapi", load_event("get_openapi", "openapi"))

    document = read_body(answer)
    assert answer["statusCode"] == 200
    assert "/process/{workflow_id}/" in document["paths"]
    assert document["components"]["securitySchemes"]["oauth2_scheme"]["flows"]["password"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("slash", ["", "/"])
def test_all_that_the_page_loads_is_ours(invoke: Invoke, before: str, slash: str) -> None:
    page_url = f"https://api.test{before}/v1/workflowmanager/docs{slash}"
    page = get(invoke, urlsplit(page_url).path)
    links = [each for each in Links(page["body"]).found if not each.startswith("data:")]

    assert {urlsplit(link).path.rpartition(".")[2] for link in links} == {"css", "js"}
    for link in links:
        url = urlsplit(urljoin(page_url, link))
        answer = get(invoke, url.path)
        kind = "text/css" if url.path.endswith(".css") else "text/javascript"
        assert url.netloc == "api.test"
        assert url.path.startswith(f"{before}/v1/workflowmanager/docs/")
        assert answer["statusCode"] == 200
        assert answer["headers"]["content-type"] == f"{kind}; charset=utf-8"
        assert answer["headers"]["x-content-type-options"] == "nosniff"
        assert "max-age=" in answer["headers"]["cache-control"]


def test_page_allows_nothing_from_elsewhere_and_nothing_inline(invoke: Invoke) -> None:
    page = get(invoke, "/v1/workflowmanager/docs")

    assert read_policy(page) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    assert page["headers"]["referrer-policy"] == "no-referrer"
    assert page["headers"]["x-content-type-options"] == "nosniff"
    assert Links(page["body"]).inline == []


def test_files_of_the_page_are_the_locked_packages(invoke: Invoke) -> None:
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        locked = files("flask_swagger_ui") / "dist" / name

        assert get(invoke, f"/v1/workflowmanager/docs/{name}")["body"] == locked.read_text("utf-8")


def test_every_file_of_the_page_fits_an_answer_of_lambda_as_text(invoke: Invoke) -> None:
    answer = get(invoke, "/v1/workflowmanager/docs/swagger-ui-bundle.js")

    # API Gateway hands Base64 on as it is, for no browser asks for multipart/form-data.
    assert answer["isBase64Encoded"] is False
    assert len(json.dumps(answer)) < LAMBDA_ANSWER_MAX_BYTES


@pytest.mark.parametrize(
    "name", ["app.py", "openapi.json", "%2e%2e", "..%2fapp.py", "swagger-ui-bundle.js.map"]
)
def test_no_other_file_is_served(invoke: Invoke, name: str) -> None:
    answer = get(invoke, f"/v1/workflowmanager/docs/{name}")

    assert answer["statusCode"] == 404


def test_place_leaves_the_packages_files_and_no_others(tmp_path: Any) -> None:
    for name in ("swagger-ui.css", "of-an-older-version.js"):
        (tmp_path / name).write_text("old")

    place(DEV.folder, tmp_path)

    dist = files("flask_swagger_ui") / "dist"
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)
    assert all((tmp_path / name).read_bytes() == (dist / name).read_bytes() for name in FILES)


def test_get_openapi_documents_are_current() -> None:
    documents = make_documents()
    assert len(documents) == 2
    for path, text in documents.items():
        assert path.read_text(encoding="utf-8") == text
