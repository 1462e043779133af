from datetime import datetime, timedelta

import pytest

from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import make_world
from workflow_manager.domain.errors import (
    AuthenticationError,
    NotFoundError,
    StoreUnavailableError,
    TurnTakenError,
    UpstreamTimeoutError,
)
from workflow_manager.services.log_in import TURN_S, log_in


@pytest.fixture
def world() -> MemoryPorts:
    return make_world()


def test_log_in_hands_the_answer_on(world: MemoryPorts) -> None:
    assert call(log_in, world, "ada", "secret")["access_token"] in world.users.users


def test_log_in_refuses_while_somebody_else_logs_in(world: MemoryPorts) -> None:
    now = world.clock()
    world.store.take_login_turn(now, now + timedelta(seconds=TURN_S))

    with pytest.raises(TurnTakenError):
        call(log_in, world, "ada", "secret")


@pytest.mark.parametrize("error", [AuthenticationError("wrong"), UpstreamTimeoutError("slow")])
def test_log_in_gives_its_turn_back_whatever_comes(
    world: MemoryPorts, error: AuthenticationError | UpstreamTimeoutError
) -> None:
    world.users.error = error
    with pytest.raises(type(error)):
        call(log_in, world, "ada", "secret")

    world.users.error = None
    assert call(log_in, world, "ada", "secret")


def test_log_in_keeps_the_answer_if_its_turn_cannot_be_given_back(
    world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(until: datetime) -> None:
        raise StoreUnavailableError("The state table cannot be written.")

    monkeypatch.setattr(world.store, "end_login_turn", fail)

    assert call(log_in, world, "ada", "secret")["access_token"]


def test_log_in_asks_nobody_where_it_is_off(world: MemoryPorts) -> None:
    world.settings = world.settings.model_copy(update={"console_login": False})

    with pytest.raises(NotFoundError):
        call(log_in, world, "ada", "secret")
