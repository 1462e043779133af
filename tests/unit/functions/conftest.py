"""Every function, called with the events of `events/` in a hospital in memory."""

import importlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from tests.fakes.lambda_context import FakeLambdaContext
from tests.fakes.log import capture_log
from tests.fakes.ports import MemoryPorts, find_ports
from tests.fakes.world import make_world

ROOT = Path(__file__).parents[3]
Invoke = Callable[[str, dict[str, Any]], Any]


def load_event(function: str, case: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / "events" / function / f"{case}.json").read_text()))


def read_body(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"])


def find_routes() -> list[tuple[str, APIRoute]]:
    """Return each route as it is declared, with the name of its function."""
    found = []
    for path in sorted(ROOT.glob("functions/*/app.py")):
        module = importlib.import_module(f"functions.{path.parent.name}.app")
        routes = module.router.routes if hasattr(module, "router") else []
        found += [(path.parent.name, each) for each in routes if each.include_in_schema]
    return found


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


@pytest.fixture
def invoke(world: MemoryPorts, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ScanHub")
    find_ports(monkeypatch, world)

    def call(function: str, event: dict[str, Any]) -> Any:
        module = importlib.import_module(f"functions.{function}.app")
        return module.lambda_handler(event, FakeLambdaContext())

    return call


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that goes to the log, as JSON lines."""
    with capture_log() as stream:
        yield stream
