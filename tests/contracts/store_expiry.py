"""What is forgotten, when, and that a workflow is never left by half."""

from datetime import datetime, timedelta

import pytest

from tests.contracts.samples import NOW, make_due_task, make_finished_run, make_task, make_workflow
from workflow_manager.domain.device import DeviceLock
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import WorkflowStore

YEAR = timedelta(days=365)
DAY = timedelta(days=1)


def touch(store: WorkflowStore, at: datetime) -> None:
    """Commit a change of the workflow that leaves its tasks as they are."""
    execution = store.get_execution("workflow-1")
    assert execution is not None
    store.commit([execution.graph.workflow.evolve(updated_at=at)])


def list_tasks(store: WorkflowStore) -> list[str]:
    execution = store.get_execution("workflow-1")
    assert execution is not None
    return list(execution.graph.tasks)


class StoreExpiryContract:
    """Subclasses give a fixture `store`, an empty one, and say what DynamoDB does of itself."""

    def expire(self, store: WorkflowStore, at: datetime) -> None:
        """Delete what may be deleted by then."""
        raise NotImplementedError

    def test_workflow_expires_a_year_after_its_last_change(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a", status=TaskStatus.COMPLETED), make_task("b")])

        self.expire(store, NOW + YEAR - DAY)
        assert list_tasks(store) == ["a", "b"]

        self.expire(store, NOW + YEAR + DAY)
        assert store.get_execution("workflow-1") is None
        assert store.get_task("workflow-1", "a") is None

    def test_tasks_are_forgotten_after_their_workflow(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a")])

        self.expire(store, NOW + YEAR + DAY)
        with pytest.raises(VersionConflictError):
            store.commit([make_task("a")])

        self.expire(store, NOW + YEAR + 31 * DAY)
        store.commit([make_task("a")])

    @pytest.mark.parametrize("days", [1, 14, 16, 29, 31, 100, 364, 366, 720])
    def test_workflow_in_use_loses_no_task(self, store: WorkflowStore, days: int) -> None:
        store.commit([make_workflow(), make_task("a", status=TaskStatus.COMPLETED), make_task("b")])
        used_at = NOW
        while used_at < NOW + days * DAY:
            used_at = min(used_at + 200 * DAY, NOW + days * DAY)
            touch(store, used_at)

            # Just before the workflow may go, and longer than DynamoDB takes before its tasks may.
            self.expire(store, used_at + YEAR - DAY)
            assert list_tasks(store) == ["a", "b"]

    def test_renewal_conflicts_with_nobody(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a")])
        read = store.get_task("workflow-1", "a")
        assert read is not None

        touch(store, NOW + 100 * DAY)

        store.commit([read.evolve(progress=100)])

    def test_workflow_begins_anew_over_what_an_expired_one_has_left(
        self, store: WorkflowStore
    ) -> None:
        done = {"status": TaskStatus.COMPLETED}
        store.commit(
            [make_workflow(), make_task("a").evolve(**done), make_task("b").evolve(**done)]
        )
        self.expire(store, NOW + YEAR + DAY)
        later = NOW + YEAR + 2 * DAY

        begun = [make_workflow(updated_at=later), make_task("a", updated_at=later)]
        store.commit(begun)

        task = store.get_task("workflow-1", "a")
        assert task is not None
        assert task.status is TaskStatus.PENDING
        with pytest.raises(VersionConflictError):
            store.commit(begun)

    def test_task_whose_report_fails_for_a_year_keeps_its_workflow(
        self, store: WorkflowStore
    ) -> None:
        # Given a task that exam-manager is told of again and again, by a write of its own
        store.commit([make_workflow(), make_task("a", is_mirror_due=True)])
        told_at = NOW
        for _ in range(5):
            told_at += 100 * DAY
            task = store.get_task("workflow-1", "a")
            assert task is not None
            store.commit([task.put_off_report(told_at, has_failed=True)])
            self.expire(store, told_at + 99 * DAY)

        assert list_tasks(store) == ["a"]

    def test_scan_in_progress_is_kept(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_due_task("a", 7 * 86_400)])
        task = store.get_task("workflow-1", "a")

        self.expire(store, NOW + YEAR - DAY)

        assert store.get_task("workflow-1", "a") == task

    def test_lock_of_a_device_expires_a_year_after_it_was_taken(self, store: WorkflowStore) -> None:
        lock = DeviceLock(device_id="device").take(make_task("a", attempt=1))
        store.commit([lock])

        self.expire(store, NOW + YEAR - DAY)
        assert store.get_device_lock("device") == lock.evolve(version=1)

        self.expire(store, NOW + YEAR + DAY)
        assert store.get_device_lock("device") == DeviceLock(device_id="device")

    def test_run_expires_a_year_after_its_end_and_not_before_it(self, store: WorkflowStore) -> None:
        store.commit([make_finished_run("a"), make_finished_run("b", finished_at=NOW + DAY)])

        self.expire(store, NOW + YEAR + DAY / 2)

        assert store.get_dag_run("a") is None
        assert store.get_dag_run("b") is not None
