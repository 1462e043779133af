import pytest

from tests.fakes.ports import call
from tests.fakes.world import TOKEN, make_world
from workflow_manager.domain.errors import UpstreamTimeoutError
from workflow_manager.services.authorize_request import authorize_request


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_authorize_request_returns_whose_token_it_is(scheme: str) -> None:
    user = call(authorize_request, make_world(), f"{scheme} {TOKEN}")

    assert user is not None
    assert user.username == "operator"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic x", TOKEN, "Bearer unknown"])
def test_authorize_request_knows_nobody_without_a_good_token(header: str) -> None:
    assert call(authorize_request, make_world(), header) is None


def test_authorize_request_raises_when_nobody_can_tell() -> None:
    world = make_world()
    world.users.error = UpstreamTimeoutError("late")

    with pytest.raises(UpstreamTimeoutError):
        call(authorize_request, world, f"Bearer {TOKEN}")
