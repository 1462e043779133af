from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from tests.fakes.app import make_app
from tests.fakes.bridge_world import BridgeWorld
from tests.fakes.idempotency import MemoryPersistenceLayer
from tests.fakes.ports import find_ports
from workflow_manager.http.idempotency import get_idempotency_store

MakeWorld = Callable[[str], BridgeWorld]


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def api() -> FastAPI:
    return make_app()


@pytest.fixture
def make_bridge_world(
    api: FastAPI, portal: BlockingPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeWorld:
    made: list[BridgeWorld] = []

    def make(contract: str) -> BridgeWorld:
        folder = tmp_path / f"world-{len(made)}"
        folder.mkdir()
        past = MemoryPersistenceLayer()
        api.dependency_overrides[get_idempotency_store] = lambda: lambda: past
        made.append(BridgeWorld(contract, folder, portal, api, past))
        find_ports(monkeypatch, made[-1].ports)
        return made[-1]

    return make


@pytest.fixture(params=["2025-03", "2026-02"])
def contract(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(make_bridge_world: MakeWorld, contract: str) -> BridgeWorld:
    return make_bridge_world(contract)
