"""One process of the benchmark of growth: turns of the reconciler, or lists, by some checkout.

python -m benchmarks.growth_runner CHECKOUT URL reconcile|lists ROUNDS
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import boto3

from benchmarks.child import cpu_s, peak_mb, tell
from local.config import StackError
from tests.fakes.lambda_context import FakeLambdaContext

# What a call takes on AWS, and one to MWAA with the pause before it [s]: a turn ends by its clock.
AWS_S, AIRFLOW_S = 0.005, 0.3
MAX_N_TURNS = 20
OK, UNCHANGED = 200, 304
# Of workflow number 0 of `growth_hospital`, which would load the code of this checkout.
NEWEST_ID = "00000000-0000-4000-8000-000000000001"
BOARD, CHANGED = "board, asked first", "board, one workflow changed"
LISTS = {
    "workflows": ("list_workflows", "/workflows/?limit=100"),
    "workflows that run": ("list_workflows", "/workflows/?limit=100&status=running"),
    "workflows cancelled: none": ("list_workflows", "/workflows/?limit=100&status=cancelled"),
    "runs": ("list_dag_runs", "/dag_runs/?limit=100"),
    "uploads": ("list_uploads", "/uploads/?limit=100"),
    BOARD: ("list_workflows", "/workflows/?limit=100&include=tasks"),
}


@dataclass
class ModelClock:
    """Tells a time that only calls move on."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def note_aws(self, **_: Any) -> None:
        """Let a call of AWS pass."""
        self.now += timedelta(seconds=AWS_S)

    def note_http(self, response: Any) -> None:
        """Let a call of Airflow pass."""
        self.now += timedelta(seconds=AIRFLOW_S if "/api/v2/" in str(response.url) else AWS_S)


def read_counts(url: str) -> dict[str, float]:
    """Return what was asked since the last time."""
    with urllib.request.urlopen(f"{url}/counts") as answer:  # noqa: S310 - loopback
        found: dict[str, float] = json.load(answer)
    return found


def reconcile(url: str, n_rounds: int) -> dict[str, Any]:
    """Let turns pass until each run was looked at, so many times; tell what a round takes."""
    from workflow_manager import wiring
    from workflow_manager.domain.entity import Cause
    from workflow_manager.services.reconcile_runs import reconcile_runs

    clock = ModelClock()
    wiring.PORTS["clock"] = lambda: clock
    boto3.setup_default_session()
    # It was made in the line above.
    boto3.DEFAULT_SESSION.events.register("after-call", clock.note_aws)  # type: ignore[union-attr]
    wiring._http_client().event_hooks["response"].append(clock.note_http)
    take_turn = wiring.with_ports(reconcile_runs)
    store = wiring.build_store()
    rounds = []
    for _ in range(n_rounds):
        at = clock.now = datetime.now(UTC)
        read_counts(url)
        begun_s, n_turns = cpu_s(), 0
        while n_turns < MAX_N_TURNS:
            clock.now = at + timedelta(minutes=n_turns)
            take_turn(Cause("reconcile_runs", "request", clock.now))
            n_turns += 1
            if store.get_system_status().cursor is None:
                break
        used_s = cpu_s() - begun_s
        rounds.append({"n_turns": n_turns, "cpu_s": used_s, **read_counts(url)})
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[-1]}
    return medians | {"peak_mb": peak_mb()}


def ask(function: str, path: str, known: str | None = None, expected: int = OK) -> dict[str, Any]:
    """Call a function as API Gateway does."""
    route, _, query = path.partition("?")
    event = {
        "path": f"/v1/workflowmanager{route}",
        "resource": route,
        "httpMethod": "GET",
        "headers": {"Host": "api.test", "Authorization": "Bearer token"}
        | ({"If-None-Match": known} if known else {}),
        "queryStringParameters": dict(parse_qsl(query)) or None,
        "requestContext": {
            "requestId": "r",
            "path": f"/api/v1/workflowmanager{route}",
            "identity": {"sourceIp": "203.0.113.7"},
            "authorizer": {"principalId": "operator"},
        },
        "body": None,
        "isBase64Encoded": False,
    }
    handler = importlib.import_module(f"functions.{function}.app").lambda_handler
    answer: dict[str, Any] = handler(event, FakeLambdaContext())
    if answer["statusCode"] != expected:
        raise StackError(f"{path}: {answer}")
    return answer


class Changes:
    """Changes a workflow past the code that is measured."""

    def __init__(self) -> None:
        self._client = boto3.Session().client("dynamodb")
        self._table = os.environ["TABLE_NAME"]
        self._marked_at = datetime.now(UTC) - timedelta(minutes=1)

    def __call__(self) -> None:
        """Count the newest workflow's version up, in a commit that was marked a minute ago."""
        key = {"PK": {"S": f"WORKFLOW#{NEWEST_ID}"}, "SK": {"S": "WORKFLOW"}}
        item = self._client.get_item(TableName=self._table, Key=key)["Item"]
        item["version"] = {"N": str(int(item["version"]["N"]) + 1)}
        self._marked_at += timedelta(microseconds=1)
        mark = {"PK": {"S": "SYSTEM"}, "SK": {"S": "LISTS"}}
        mark["at"] = {"S": self._marked_at.isoformat(timespec="microseconds")}
        for each in (item, mark):
            self._client.put_item(TableName=self._table, Item=each)


def measure(
    url: str,
    n_rounds: int,
    act: Callable[[], dict[str, Any]],
    prepare: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """Return the medians of some calls."""
    rounds = []
    for _ in range(n_rounds):
        prepare()
        read_counts(url)
        begun_s = cpu_s()
        answer = act()
        used_ms = (cpu_s() - begun_s) * 1000
        size_kb = len(answer["body"] or "") / 1000
        rounds.append({"cpu_ms": used_ms, "kb": size_kb, **read_counts(url)})
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[-1]}


def list_all(url: str, n_rounds: int) -> dict[str, Any]:
    """Tell what each list takes, anew and where nothing has changed."""
    # Of the checkout that is measured: its path is known only now.
    from workflow_manager import wiring

    now = datetime.now(UTC)
    wiring.PORTS["clock"] = lambda: lambda: now
    # A checkout from before has none.
    forget = getattr(getattr(wiring, "_task_memory", None), "cache_clear", lambda: None)
    change = Changes()
    change()
    told: dict[str, Any] = {}
    for title, (function, path) in LISTS.items():
        first = ask(function, path)
        tag = {name.lower(): value for name, value in first["headers"].items()}["etag"]
        told[title] = measure(url, n_rounds, partial(ask, function, path), forget)
        again = measure(url, n_rounds, partial(ask, function, path, tag, UNCHANGED))
        told[title] |= {f"{name}_unchanged": value for name, value in again.items()}
    told[CHANGED] = measure(url, n_rounds, partial(ask, *LISTS[BOARD]), change)
    return told | {"peak_mb": peak_mb()}


def main(checkout: str, url: str, mode: str, n_rounds: int) -> None:
    """Measure, and tell."""
    # Before this checkout's, which has the benchmark.
    sys.path[:0] = [checkout, f"{checkout}/layers/workflow_manager"]
    # The log is written, as on Lambda, but to nowhere.
    out = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    found = {"reconcile": reconcile, "lists": list_all}[mode](url, n_rounds)
    sys.stdout.flush()
    os.dup2(out, sys.stdout.fileno())
    tell(found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
