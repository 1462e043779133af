import pytest

from tests.contracts.store import StoreContract
from workflow_manager.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
