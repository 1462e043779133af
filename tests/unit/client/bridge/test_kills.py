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


def walk(world: BridgeWorld, killer: Killer) -> None:
    """Let the file become a run and its images come back, whatever is killed on the way."""
    world.wire.fault = killer.on_request
    for _ in range(2):
        while True:
            try:
                killer.revive()
                world.run_bridge()
            except KilledError:
                continue
            break
        world.let_engine_work()


def check(world: BridgeWorld) -> None:
    [run_id] = world.let_engine_work()
    uploaded = [key for key in world.ports.lake.keys if key.startswith("acquisition/")]
    assert [world.ports.lake.get(key) for key in uploaded] == [RAW_DATA]
    assert world.ports.lake.list_open_uploads("") == []
    results = world.get_results(world.reconstruction_id)
    folder = run_id
    if world.contract == "2026-02":
        [result] = results
        folder = result["id"]
        assert result["meta"]["run_id"] == run_id
        assert result["meta"]["instance_count"] == len(IMAGES)
    else:
        assert results == []
    assert world.list_images() == {f"{folder}/{name}": body for name, body in IMAGES.items()}


@pytest.mark.parametrize("contract", ["2025-03", "2026-02"])
def test_killed_at_each_step(
    contract: str, make_bridge_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given the steps of a bridge that nobody kills; what goes up is the same in both contracts
    n_steps, at = 1, 0
    while at <= n_steps:
        with monkeypatch.context() as patch:
            # When it is killed at one of them, and started again
            killer = Killer(at)
            killer.on_disk(patch)
            world = make_bridge_world(contract)
            world.acquire()
            walk(world, killer)
            # Then everything is there once
            check(world)
            if at == 0:
                n_steps = len(killer.steps)
                at = n_steps // 2 if contract == "2025-03" else 0
        at += 1
    assert n_steps > 30
