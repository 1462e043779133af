"""A bridge that is killed at any step, and started again: once each, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest

from scanhub_workflow.bridge.volume import Volume
from scanhub_workflow.targets import PartFile
from tests.fakes.bridge_world import IMAGES, RAW_DATA, BridgeWorld, KilledError

MakeWorld = Callable[[str], BridgeWorld]
# What is done to the disk, beside the requests.
DISK_STEPS = [(PartFile, "write"), (PartFile, "publish"), (Volume, "hand_over")]


class Killer:
    """Kills at one step, counted from the start; all that goes on behind it is dead, too."""

    def __init__(self, at: int) -> None:
        self.steps: list[str] = []
        self._at = at
        self._is_dead = False

    def revive(self) -> None:
        self._is_dead = False

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self._is_dead or len(self.steps) == self._at:
            self._is_dead = True
            raise KilledError(name)

    def on_request(self, service: str, line: str, is_answered: bool) -> None:
        # A read that never came, and one whose answer is lost, are the same.
        if is_answered or not line.startswith("GET "):
            self.step(f"{line} {'answered' if is_answered else 'sent'}")

    def on_disk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for owner, name in DISK_STEPS:
            original: Any = getattr(owner, name)

            def wrapped(
                *args: Any, original: Any = original, name: str = name, **options: Any
            ) -> Any:
                self.step(f"{name} begins")
                original(*args, **options)
                self.step(f"{name} is done")

            monkeypatch.setattr(owner, name, wrapped)


def run_bridge(world: BridgeWorld, killer: Killer) -> None:
    """Start bridges until one is not killed."""
    world.wire.fault = killer.on_request
    while True:
        killer.revive()
        try:
            world.run_bridge()
        except KilledError:
            continue
        return


def kill_at_each_step(
    make_world: Callable[[], BridgeWorld],
    check: Callable[[BridgeWorld], None],
    monkeypatch: pytest.MonkeyPatch,
) -> int:
    """Return how many steps there were; the first walk is killed at none of them."""
    n_steps, at = 1, 0
    while at <= n_steps:
        with monkeypatch.context() as patch:
            killer = Killer(at)
            killer.on_disk(patch)
            world = make_world()
            run_bridge(world, killer)
            check(world)
            n_steps = n_steps if at else len(killer.steps)
        at += 1
    return n_steps


def test_killed_on_the_way_up(
    make_bridge_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_world() -> BridgeWorld:
        world = make_bridge_world("2026-02")
        world.acquire()
        return world

    def check(world: BridgeWorld) -> None:
        assert world.uploaded == [RAW_DATA]
        assert world.ports.lake.list_open_uploads("") == []
        assert len(world.let_engine_work()) == 1

    assert kill_at_each_step(make_world, check, monkeypatch) > 10


@pytest.mark.parametrize("contract", ["2025-03", "2026-02"])
def test_killed_on_the_way_down(
    contract: str, make_bridge_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_world() -> BridgeWorld:
        world = make_bridge_world(contract)
        world.finish_run()
        return world

    def check(world: BridgeWorld) -> None:
        [run_id] = world.let_engine_work()
        results = world.get_results(world.reconstruction_id)
        folder = run_id
        if contract == "2026-02":
            [result] = results
            folder = result["id"]
            assert result["meta"]["run_id"] == run_id
            assert result["meta"]["instance_count"] == len(IMAGES)
        else:
            assert results == []
        assert world.list_images() == {f"{folder}/{name}": body for name, body in IMAGES.items()}

    assert kill_at_each_step(make_world, check, monkeypatch) > 15
