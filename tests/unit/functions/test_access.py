"""Who may call what, from where."""

import importlib
import json
import re
from collections.abc import Iterator

import pytest

from tests.unit.functions.conftest import ROOT, Invoke, load_event, read_body
from workflow_manager.settings import get_settings

ORIGIN = "https://scanhub.example.org"


@pytest.fixture(autouse=True)
def settings_are_read_anew() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_role_that_is_not_named_may_do_everything(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps({"scientist": []}))

    assert invoke("hello", load_event("hello", "success"))["statusCode"] == 200


@pytest.mark.parametrize(
    ("permissions", "status"), [({"medical": ["hello"]}, 200), ({"medical": ["get_workflow"]}, 403)]
)
def test_role_may_do_what_its_table_says(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    permissions: dict[str, list[str]],
    status: int,
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps(permissions))

    assert invoke("hello", load_event("hello", "success"))["statusCode"] == status


def test_role_that_may_not_is_told_so(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps({"medical": []}))

    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    assert answer["statusCode"] == 403
    assert read_body(answer)["detail"] == "Your role does not allow this."


def test_example_of_the_documentation_names_all_that_only_looks() -> None:
    text = (ROOT / "docs/access.md").read_text()
    [example] = re.findall(r"^RolePermissions=(.*)$", text, re.MULTILINE)
    [allowed] = json.loads(example).values()
    known = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
    looking = {name for name in known if name.startswith(("get_", "list_", "validate_"))}

    # Everybody may read the description of the API.
    assert looking - {"get_openapi"} <= set(allowed) <= known
    assert not [name for name in allowed if name.startswith(("cancel_", "retry_", "trigger_"))]


def start_anew(function: str) -> None:
    """Let a function read its settings again."""
    importlib.reload(importlib.import_module(f"functions.{function}.app"))


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, ORIGIN), ("https://evil.example", None)])
def test_answer_allows_the_web_origin_and_no_other(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, origin: str, allowed: str | None
) -> None:
    monkeypatch.setenv("WEB_ORIGINS", ORIGIN)
    event = load_event("get_dag_run", "unknown_run")
    event["headers"]["Origin"] = origin
    event["multiValueHeaders"]["Origin"] = [origin]
    start_anew("get_dag_run")

    answer = invoke("get_dag_run", event)

    assert answer["headers"].get("access-control-allow-origin") == allowed
    assert answer["headers"].get("access-control-allow-origin") != "*"


def test_page_of_the_web_origin_may_read_the_etag(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_ORIGINS", ORIGIN)
    start_anew("get_workflow")
    event = load_event("get_workflow", "success")
    event["multiValueHeaders"] |= {"Origin": [ORIGIN], "If-None-Match": ["*"]}

    answer = invoke("get_workflow", event)

    assert answer["statusCode"] == 304
    assert answer["headers"]["access-control-allow-origin"] == ORIGIN
    assert answer["headers"]["access-control-expose-headers"] == "ETag"
