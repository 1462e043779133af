"""What a list asks for, and an expired login."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.command_line import CommandLine
from tests.unit.client.test_cli_words import RUN

# As API Gateway says it of its authorizer; and an emulator of it.
TURNED_AWAY = [
    "User is not authorized to access this resource",
    "User is not authorized to access this resource with an explicit deny",
    "User is not authorized to access this resource with an explicit deny in an identity-based "
    "policy",
]
MakeZone = Callable[[str], None]


def ask(folder: Path, *arguments: str, runs: list[dict[str, Any]] | None = None) -> Any:
    """Run a command and return how it ended, and the parameters of its last request."""
    asked: dict[str, str] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.update(request.url.params)
        return httpx.Response(200, json={"dag_runs": runs or [], "next_cursor": None})

    return CommandLine(folder, httpx.MockTransport(answer)).run(*arguments), asked


@pytest.mark.parametrize(
    ("option", "typed", "sent"),
    [
        ("--since", "2026-11-26", ("from", "2026-11-26T00:00:00+01:00")),
        ("--until", "2026-11-26", ("to", "2026-11-26T23:59:59.999999+01:00")),
        ("--since", "2026-07-01", ("from", "2026-07-01T00:00:00+02:00")),
        ("--since", "2026-11-26T20:00", ("from", "2026-11-26T20:00:00+01:00")),
        ("--since", "2026-11-26 20:00:00+00:00", ("from", "2026-11-26T21:00:00+01:00")),
        ("--until", "2026-11-26T20:00Z", ("to", "2026-11-26T21:00:00+01:00")),
    ],
)
def test_period_is_local_unless_it_says_otherwise(
    tmp_path: Path, local_zone: MakeZone, option: str, typed: str, sent: tuple[str, str]
) -> None:
    local_zone("Europe/Berlin")
    _, asked = ask(tmp_path, "runs", option, typed)
    assert sent in asked.items()


@pytest.mark.parametrize("typed", ["yesterday", "", "26.11.2026", "0001-01-01T00:00"])
def test_moment_that_is_none_is_told(tmp_path: Path, local_zone: MakeZone, typed: str) -> None:
    # East of Greenwich, the first moment that Python knows is none in UTC
    local_zone("Europe/Berlin")
    ended, asked = ask(tmp_path, "runs", "--until", typed)
    assert (ended.code, asked) == (2, {})
    assert "ISO 8601" in ended.err


def test_runs_of_a_workflow_are_told_from_all_that_an_older_server_lists(tmp_path: Path) -> None:
    runs = [RUN | {"dag_run_id": n, "workflow_id": w} for n, w in (("1", "w"), ("2", "x"))]
    runs.append(RUN | {"dag_run_id": "3", "workflow_id": None})
    ended, asked = ask(tmp_path, "runs", "--workflow", "w", "--json", runs=runs)
    assert asked["workflow_id"] == "w"
    assert [run["dag_run_id"] for run in ended.document] == ["1"]


@pytest.mark.parametrize("message", TURNED_AWAY)
def test_expired_login_is_told_whatever_the_gateway_says(tmp_path: Path, message: str) -> None:
    for refusal in (
        httpx.Response(403, json={"Message": message}),
        httpx.Response(403, json={"message": message}),
        httpx.Response(401, json={"status": 401, "title": "", "detail": "Invalid token."}),
    ):
        api = httpx.MockTransport(lambda _, refusal=refusal: refusal)
        ended = CommandLine(tmp_path, api).run("runs")
        assert ended.code == 3
        assert ended.err.startswith("Your login has expired, or is not valid here.")
        assert "Log in: scanhub-workflow login" in ended.err


def test_role_that_may_not_is_no_expired_login(tmp_path: Path) -> None:
    problem = {"status": 403, "title": "", "detail": "Your role does not allow this."}
    api = httpx.MockTransport(lambda _: httpx.Response(403, json=problem))
    ended = CommandLine(tmp_path, api).run("runs")
    assert (ended.code, "expired" in ended.err) == (4, False)
