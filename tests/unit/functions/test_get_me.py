import json

import pytest

from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.access import OPERATIONS
from workflow_manager.settings import get_settings

EVENT = load_event("get_me", "success")


def test_get_me_shows_name_role_and_every_operation_where_nothing_is_narrowed(
    invoke: Invoke,
) -> None:
    answer = invoke("get_me", EVENT)

    assert answer["statusCode"] == 200
    assert read_body(answer) == {
        "username": "operator",
        "role": "medical",
        "permissions": sorted(OPERATIONS),
        "ends_at": None,
    }


def test_get_me_shows_what_the_role_may_do(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"medical": ["get_me", "hello"], "*": ["*"]}
    monkeypatch.setenv("ROLE_PERMISSIONS", json.dumps(table))
    get_settings.cache_clear()

    shown = read_body(invoke("get_me", EVENT))
    monkeypatch.undo()
    get_settings.cache_clear()

    assert shown["permissions"] == ["get_me", "hello"]
