"""Who may call what, from where."""

import importlib
import io
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant

from tests.unit.functions.conftest import ROOT, Invoke, find_routes, load_event, read_body
from workflow_manager.domain.access import OPERATIONS, ROLES, parse_role_permissions
from workflow_manager.http.dependencies import get_caller
from workflow_manager.settings import get_settings

ORIGIN = "https://scanhub.example.org"
MALFORMED = [
    '{"medcal": ["hello"]}',
    '{"Medical": ["hello"]}',
    '{"": ["hello"]}',
    '{"medical": ["helo"]}',
    '{"medical": [""]}',
    '{"medical": ["check_readiness"]}',
    '{"medical": [["hello"]]}',
    '{"medical": "hello"}',
    '{"medical": null}',
    '{"medical": ["hello"], "medical": ["*"]}',
    '["hello"]',
    "null",
    '{"medical": ["hello"]',
    "no JSON",
    '{"medical":' + "[" * 100_000,
]


@pytest.fixture(autouse=True)
def settings_are_read_anew() -> Iterator[None]:
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def say_hello_as(invoke: Invoke, role: str) -> int:
    event = load_event("hello", "success")
    event["requestContext"]["authorizer"]["role"] = role
    return int(invoke("hello", event)["statusCode"])


@pytest.mark.parametrize("unset", ["", "{}"])
def test_without_a_table_every_role_may_do_everything(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, unset: str
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", unset)

    assert [say_hello_as(invoke, role) for role in (*ROLES, "role of tomorrow")] == [200] * 5


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ({"medical": ["hello"]}, 200),
        ({"medical": ["*"]}, 200),
        ({"medical": ["get_workflow"]}, 403),
        ({"medical": []}, 403),
        ({"medical": [], "*": ["hello"]}, 403),
        # Not named: what the rest may, which is nothing unless the table says so.
        ({"scientist": ["hello"]}, 403),
        ({"scientist": [], "*": ["hello"]}, 200),
        ({"scientist": ["hello"], "*": ["get_workflow"]}, 403),
    ],
)
@pytest.mark.parametrize("role", ["medical", "role of tomorrow"])
def test_role_may_do_what_the_table_says(
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    permissions: dict[str, list[str]],
    status: int,
    role: str,
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps(permissions))
    is_named = role in permissions
    rest = permissions.get("*", [])

    expected = status if is_named or role == "medical" else 200 if "hello" in rest else 403
    assert say_hello_as(invoke, role) == expected


@pytest.mark.parametrize("value", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_table_lets_nobody_in_and_says_why(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, value: str
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", value)

    answer = invoke("hello", load_event("hello", "success"))

    assert answer["statusCode"] == 503
    assert read_body(answer)["detail"] == "The deployment's RolePermissions cannot be used."
    assert "RolePermissions cannot be used" in log.getvalue()


@pytest.mark.parametrize(
    ("function", "case"),
    [
        ("trigger_airflow", "upload_arrived"),
        ("reconcile_runs", "every_minute"),
        ("publish_events", "run_created"),
        ("simulate_reconstruction", "first_step"),
        ("authorize_request", "bearer_token"),
        ("receive_results", "success"),
        ("check_readiness", "success"),
    ],
)
def test_malformed_table_stops_nothing_that_asks_for_no_role(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, log: io.StringIO, function: str, case: str
) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", MALFORMED[0])
    # As a start does it: settings are read anew, by all that takes them.
    assert get_settings().role_permissions == MALFORMED[0]

    answer = invoke(function, load_event(function, case))

    assert answer.get("statusCode") != 503
    assert "RolePermissions" not in log.getvalue()


def test_operations_of_the_table_are_those_that_ask_for_a_user() -> None:
    routes = [route for _, route in find_routes()]
    asking = {each.operation_id for each in routes if get_caller in list_calls(each.dependant)}

    assert asking == OPERATIONS


def list_calls(dependant: Dependant) -> list[Any]:
    return [dependant.call, *chain(*map(list_calls, dependant.dependencies))]


def test_role_that_may_not_is_told_so(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps({"medical": []}))

    answer = invoke("trigger_task", load_event("trigger_task", "device_task"))

    assert answer["statusCode"] == 403
    assert read_body(answer)["detail"] == "Your role does not allow this."


def test_example_of_the_documentation_names_all_that_only_looks() -> None:
    text = (ROOT / "docs/access.md").read_text()
    [example] = re.findall(r"^RolePermissions=(.*)$", text, re.MULTILINE)
    table = parse_role_permissions(example)
    allowed = table["scientist"]
    assert table["*"] == {"*"}
    known = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
    looking = {name for name in known if name.startswith(("get_", "list_", "validate_"))}

    # Everybody may read the description of the API.
    assert looking - {"get_console", "get_openapi"} <= set(allowed) <= known
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
