"""The store on AWS's own DynamoDB for a laptop: the judge of conditions and transactions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.contracts.samples import make_event, make_run
from tests.contracts.store import StoreContract
from tests.integration.conftest import expire_items
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.ports import WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore

N_WRITERS = 8


@pytest.fixture
def store(dynamodb_local: Any, settings: Settings) -> DynamoDBStore:
    return DynamoDBStore(dynamodb_local, settings)


class TestDynamoDBStoreOnDynamoDBLocal(StoreContract):
    def expire(self, store: WorkflowStore, at: datetime) -> None:
        assert isinstance(store, DynamoDBStore)
        expire_items(store, at)


def test_commit_lets_one_of_many_writers_win(store: DynamoDBStore) -> None:
    store.commit([make_run(progress=0)])
    read = store.get_dag_run("run-1")
    assert read is not None

    def write(progress: int) -> bool:
        try:
            store.commit([read.evolve(progress=progress)], [make_event("dag_run:run-1")])
        except VersionConflictError:
            return False
        return True

    with ThreadPoolExecutor(N_WRITERS) as pool:
        is_written = list(pool.map(write, range(1, N_WRITERS + 1)))

    stored = store.get_dag_run("run-1")
    assert stored is not None
    assert sum(is_written) == 1
    assert (stored.version, stored.progress) == (2, is_written.index(True) + 1)
    assert len(store.list_events("dag_run:run-1")) == 1
