"""What holds for every HTTP function, shown on one of them."""

import io
import json
from typing import Any

import pytest

from tests.fakes.ports import MemoryPorts
from tests.unit.functions.conftest import Invoke, load_event, read_body

BASE = "/v1/workflowmanager"


def hello_at(path: str) -> dict[str, Any]:
    return load_event("hello", "success") | {"path": path}


@pytest.mark.parametrize(
    "path",
    [
        f"{BASE}/hello/",
        f"{BASE}/hello",
        f"/custom-base{BASE}/hello/",
        f"/api{BASE}/hello",
        "/hello/",
    ],
)
def test_path_is_answered_with_and_without_slash_stage_and_custom_base(
    path: str, invoke: Invoke
) -> None:
    answer = invoke("hello", hello_at(path))

    assert answer["statusCode"] == 200
    assert read_body(answer) == {"message": "Hello, World!"}


def test_unknown_path_is_a_problem_with_scanhubs_detail(invoke: Invoke) -> None:
    answer = invoke("hello", hello_at(f"{BASE}/nothing"))

    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert read_body(answer) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "Not Found",
    }


def test_other_method_is_a_problem_with_scanhubs_detail(invoke: Invoke) -> None:
    answer = invoke("hello", load_event("hello", "success") | {"httpMethod": "DELETE"})

    assert answer["statusCode"] == 405
    assert read_body(answer)["detail"] == "Method Not Allowed"


def test_request_without_token_is_refused_as_scanhub_does(invoke: Invoke) -> None:
    answer = invoke("hello", load_event("hello", "no_token"))

    assert answer["statusCode"] == 401
    assert answer["headers"]["www-authenticate"] == "Bearer"
    assert read_body(answer)["detail"] == "Not authenticated"


def test_request_that_no_authorizer_vouches_for_is_refused(invoke: Invoke) -> None:
    event = load_event("hello", "success")
    del event["requestContext"]["authorizer"]

    assert invoke("hello", event)["statusCode"] == 401


def test_unexpected_error_is_a_500_that_says_nothing_and_logs_no_message(
    invoke: Invoke, world: MemoryPorts, log: io.StringIO
) -> None:
    class Broken:
        def get_workflow(self, _: str) -> None:
            raise RuntimeError("Jane Doe, born 1985")

    world.store = Broken()  # type: ignore[assignment]

    answer = invoke("get_workflow", load_event("get_workflow", "success"))

    lines = log.getvalue()
    assert answer["statusCode"] == 500
    assert read_body(answer)["detail"] == "Internal Server Error"
    assert "Jane" not in answer["body"] + lines
    assert any(json.loads(line).get("error") == "RuntimeError" for line in lines.splitlines())
