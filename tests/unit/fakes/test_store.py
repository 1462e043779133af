from datetime import datetime

import pytest

from tests.contracts.store import StoreContract
from tests.fakes.store import MemoryStore
from workflow_manager.ports import WorkflowStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def expire(self, store: WorkflowStore, at: datetime) -> None:
        assert isinstance(store, MemoryStore)
        store.expire(at)
