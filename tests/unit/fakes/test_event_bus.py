import pytest

from tests.contracts.event_bus import EventBusContract, ReadBus
from tests.fakes.clients import FakeEventBus


class TestFakeEventBus(EventBusContract):
    @pytest.fixture
    def bus(self) -> FakeEventBus:
        return FakeEventBus()

    @pytest.fixture
    def read_bus(self, bus: FakeEventBus) -> ReadBus:
        return lambda: [each.to_cloud_event() for each in bus.notifications]
