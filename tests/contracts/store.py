"""What every `WorkflowStore` must do."""

from datetime import timedelta

import pytest

from tests.contracts.samples import (
    CAUSE,
    NOW,
    make_due_task,
    make_event,
    make_finished_run,
    make_run,
    make_task,
    make_upload,
    make_workflow,
)
from tests.contracts.store_expiry import StoreExpiryContract
from tests.contracts.store_listing import QUERY, StoreListingContract
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.errors import InvalidInputError, VersionConflictError
from workflow_manager.domain.system_status import SystemStatus
from workflow_manager.domain.task import Task
from workflow_manager.ports import WorkflowStore


class StoreContract(StoreListingContract, StoreExpiryContract):
    """Subclasses give a fixture `store`: an empty one."""

    def test_get_returns_none_where_nothing_is(self, store: WorkflowStore) -> None:
        assert store.get_execution("workflow-1") is None
        assert store.get_dag_run("run-1") is None
        assert store.get_upload("upload-1") is None
        assert store.get_system_status() == SystemStatus()
        assert store.list_events("workflow:workflow-1") == []
        assert list(store.list_due(NOW)) == []
        assert store.list_active(None, 10) == ([], None)
        assert store.list_last_events("workflow:workflow-1", 1) == []

    def test_tasks_are_shown_as_they_are_with_each_version_of_their_workflow(
        self, store: WorkflowStore
    ) -> None:
        store.commit([make_workflow(), make_task("task-1")])
        for progress in (10, 20):
            workflow, task = (
                store.get_workflow("workflow-1"),
                store.get_task("workflow-1", "task-1"),
            )
            assert workflow and task
            assert store.show_tasks(workflow) == store.list_tasks("workflow-1")
            store.commit([workflow, task.evolve(progress=progress)])
        workflow = store.get_workflow("workflow-1")
        assert workflow and store.show_tasks(workflow)["task-1"].progress == 20

    def test_one_at_a_time_has_the_turn_to_log_in_until_its_end(self, store: WorkflowStore) -> None:
        later, much_later = NOW + timedelta(seconds=10), NOW + timedelta(seconds=20)
        assert store.take_login_turn(NOW, later)
        assert not store.take_login_turn(NOW, later)

        # Who has it ends it, or its time does.
        store.end_login_turn(later)
        assert store.take_login_turn(NOW, later)
        assert store.take_login_turn(later, much_later)

        # A function that comes back late ends nobody else's.
        store.end_login_turn(later)
        assert not store.take_login_turn(later, much_later)

    def test_commit_nothing_changes_nothing(self, store: WorkflowStore) -> None:
        store.commit([])

    def test_commit_counts_the_version_up_on_each_write(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        first = store.get_dag_run("run-1")
        assert first == make_run().evolve(version=1)

        store.commit([first.evolve(progress=25)])

        assert store.get_dag_run("run-1") == make_run(progress=25, version=2)

    def test_commit_keeps_every_value_of_a_finished_run(self, store: WorkflowStore) -> None:
        run = make_finished_run(callback_token_hashes=("abc",), reason="")
        store.commit([run])
        assert store.get_dag_run("run-1") == run.evolve(version=1)

    def test_commit_keeps_every_value_of_an_upload(self, store: WorkflowStore) -> None:
        store.commit([make_upload()])
        assert store.get_upload("upload-1") == make_upload().evolve(version=1)

    def test_commit_keeps_the_system_status(self, store: WorkflowStore) -> None:
        status = SystemStatus(checked_at=NOW, degraded=("airflow",))
        store.commit([status])
        assert store.get_system_status() == status.evolve(version=1)

    @pytest.mark.parametrize("id_", ["x" * 2044, "\u00e4" * 1100, "\ud800", "a\x00b", " "])
    def test_nothing_is_found_by_an_id_of_any_length_and_kind(
        self, store: WorkflowStore, id_: str
    ) -> None:
        assert store.get_dag_run(id_) is None
        assert store.get_upload(id_) is None
        assert store.get_execution(id_) is None
        assert store.get_task(id_, id_) is None
        assert store.get_task("workflow-1", id_) is None

    def test_commit_refuses_a_stale_version(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        read = store.get_dag_run("run-1")
        assert read is not None
        store.commit([read.evolve(progress=25)])

        with pytest.raises(VersionConflictError):
            store.commit([read.evolve(progress=50)])

        assert store.get_dag_run("run-1") == make_run(progress=25, version=2)

    def test_commit_refuses_a_second_creation(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        with pytest.raises(VersionConflictError):
            store.commit([make_run()])

    def test_commit_refuses_a_version_of_what_is_gone(self, store: WorkflowStore) -> None:
        with pytest.raises(VersionConflictError):
            store.commit([make_run(version=3)])

    def test_commit_writes_nothing_if_one_part_is_stale(self, store: WorkflowStore) -> None:
        store.commit([make_run("run-1")])

        with pytest.raises(VersionConflictError):
            store.commit([make_run("run-2"), make_run("run-1")], [make_event()])

        assert store.get_dag_run("run-2") is None
        assert store.list_events("workflow:workflow-1") == []

    def test_commit_refuses_an_event_twice(self, store: WorkflowStore) -> None:
        event = make_event()
        store.commit([], [event])
        with pytest.raises(VersionConflictError):
            store.commit([make_run()], [event])
        assert store.get_dag_run("run-1") is None

    def test_commit_takes_100_items_and_refuses_101(self, store: WorkflowStore) -> None:
        with pytest.raises(InvalidInputError, match="101 items"):
            store.commit([make_run(f"run-{n}") for n in range(100)], [make_event()])
        store.commit([make_run(f"run-{n}") for n in range(99)], [make_event()])
        assert store.get_dag_run("run-98") is not None

    def test_commit_refuses_one_item_twice(self, store: WorkflowStore) -> None:
        with pytest.raises(ValueError, match="twice"):
            store.commit([make_run(), make_run()])

    def test_get_execution_orders_tasks_by_definition_then_id(self, store: WorkflowStore) -> None:
        tasks = [
            make_task("a", "2026-11-23T10:00:02"),
            make_task("c", "2026-11-23T10:00:01"),
            make_task("b", "2026-11-23T10:00:01"),
        ]
        store.commit([make_workflow(), *tasks], [make_event()])

        execution = store.get_execution("workflow-1")

        assert execution is not None
        assert execution.graph.workflow == make_workflow().evolve(version=1)
        assert list(execution.graph.tasks) == ["b", "c", "a"]
        assert execution.graph.tasks["a"] == tasks[0].evolve(version=1)
        assert not execution.changes

    def test_get_execution_leaves_other_workflows_out(self, store: WorkflowStore) -> None:
        other = make_task("b").evolve(workflow_id="workflow-10")
        store.commit([make_workflow("workflow-1"), make_workflow("workflow-10"), other])
        execution = store.get_execution("workflow-1")
        assert execution is not None
        assert execution.graph.tasks == {}

    def test_committed_execution_is_what_a_read_returns(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a"), make_task("b")])
        execution = store.get_execution("workflow-1")
        assert execution is not None
        execution.put_task(execution.graph.tasks["a"].evolve(progress=7), CAUSE)
        execution.follow_tasks(CAUSE)

        store.commit(execution.changes.entities, execution.changes.events)

        committed, read = execution.as_committed(), store.get_execution("workflow-1")
        assert read is not None
        assert committed == read

    def test_get_task_returns_it_as_committed_or_none(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a")])
        assert store.get_task("workflow-1", "a") == make_task("a").evolve(version=1)
        assert store.get_task("workflow-1", "b") is None
        assert store.get_task("workflow-2", "a") is None

    def test_get_task_returns_none_without_its_workflow(self, store: WorkflowStore) -> None:
        store.commit([make_task("a")])
        assert store.get_task("workflow-1", "a") is None

    def test_get_run_and_execution_returns_what_is_there(self, store: WorkflowStore) -> None:
        store.commit([make_workflow(), make_task("a"), make_task("b"), make_run()])
        ids = (make_run().dag_run_id, "workflow-1")
        run, execution = store.get_run_and_execution(*ids, "b")
        assert run == make_run().evolve(version=1)
        assert execution is not None
        assert execution.graph.workflow == make_workflow().evolve(version=1)
        assert execution.graph.tasks == {"b": make_task("b").evolve(version=1)}
        assert store.get_run_and_execution(*ids, "c") == (run, None)
        assert store.get_run_and_execution(ids[0], "workflow-2", "b") == (run, None)
        assert store.get_run_and_execution("x" * 3000, "workflow-1", "b")[0] is None

    def test_list_events_returns_one_subject_oldest_first(self, store: WorkflowStore) -> None:
        late = make_event(at=NOW + timedelta(seconds=1))
        early = make_event(at=NOW)
        of_a_run = make_event("dag_run:run-1")
        store.commit([make_run()], [late, early, of_a_run])
        assert store.list_events("workflow:workflow-1") == [early, late]
        assert store.list_events("dag_run:run-1") == [of_a_run]

    def test_list_due_returns_the_most_overdue_first(self, store: WorkflowStore) -> None:
        store.commit(
            [
                make_run("late", due_in_s=-10),
                make_run("now", due_in_s=0),
                make_run("soon", due_in_s=10),
                make_finished_run("done"),
                make_due_task("scan", due_in_s=-20),
                make_task("pending"),
                make_workflow(),
                make_upload(),
                SystemStatus(),
            ]
        )
        due = list(store.list_due(NOW))
        assert [_id(entity) for entity in due] == ["scan", "late", "now"]

    def test_list_due_keeps_reports_to_exam_manager_apart(self, store: WorkflowStore) -> None:
        mirrors = [
            make_task(name, is_mirror_due=True, updated_at=NOW - timedelta(seconds=age_s))
            for name, age_s in (("young", 30), ("b", 90), ("a", 120))
        ]
        store.commit([*mirrors, make_run("late", due_in_s=-10), make_task("pending")])

        assert [_id(entity) for entity in store.list_due(NOW)] == ["late"]
        assert [_id(entity) for entity in store.list_due_mirrors(NOW)] == ["a", "b"]
        assert [_id(entity) for entity in store.list_active(None, 5)[0]] == ["late"]

    def test_list_due_mirrors_forgets_what_was_told(self, store: WorkflowStore) -> None:
        due = make_due_task("scan", due_in_s=-10).evolve(
            is_mirror_due=True, updated_at=NOW - timedelta(hours=1)
        )
        store.commit([due])
        store.commit([due.evolve(version=1, is_mirror_due=False)])
        assert list(store.list_due_mirrors(NOW)) == []
        assert [_id(entity) for entity in store.list_due(NOW)] == ["scan"]

    def test_list_due_goes_on_as_long_as_it_is_asked(self, store: WorkflowStore) -> None:
        for first in range(0, 240, 80):
            runs = [make_run(f"run-{n:03}", due_in_s=n - 240) for n in range(first, first + 80)]
            store.commit(runs)
        due = [_id(entity) for entity in store.list_due(NOW)]
        assert due == [f"run-{n:03}" for n in range(240)]

    def test_list_due_forgets_what_became_final(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        store.commit([make_finished_run(version=1)])
        assert list(store.list_due(NOW)) == []

    def test_list_events_goes_on_after_an_event(self, store: WorkflowStore) -> None:
        trail = [make_event(at=NOW + timedelta(seconds=n)) for n in range(5)]
        store.commit([make_workflow(), make_task("task-1")], [*reversed(trail)])

        first = store.list_events("workflow:workflow-1", limit=2)
        rest = store.list_events("workflow:workflow-1", after=first[-1].event_id)

        assert (first, rest) == (trail[:2], trail[2:])
        assert store.list_events("workflow:workflow-1", after=trail[-1].event_id, limit=2) == []

    def test_list_last_events_returns_the_newest_lines(self, store: WorkflowStore) -> None:
        trail = [make_event(at=NOW + timedelta(seconds=n)) for n in range(3)]
        store.commit([make_workflow()], [*reversed(trail), make_event("dag_run:run-1")])
        assert store.list_last_events("workflow:workflow-1", 2) == trail[1:]
        assert store.list_last_events("workflow:workflow-1", 9) == trail

    def test_list_active_shows_everything_once_in_bounded_steps(self, store: WorkflowStore) -> None:
        # Given: some due at the very same time, one far in the future, two that are done
        runs = [make_run(f"run-{n}", due_in_s=n // 3) for n in range(7)]
        far = make_due_task("scan", due_in_s=10**7)
        store.commit([*runs, far, make_finished_run("done"), make_task("pending")])

        steps: list[list[str]] = []
        cursor: str | None = None
        while not steps or cursor:
            entities, cursor = store.list_active(cursor, 3)
            steps.append([_id(entity) for entity in entities])

        assert [len(step) for step in steps] == [3, 3, 2]
        assert [sorted(step) for step in steps[:2]] == [
            ["run-0", "run-1", "run-2"],
            ["run-3", "run-4", "run-5"],
        ]
        assert steps[2] == ["run-6", "scan"]

    def test_list_active_goes_on_where_an_item_has_gone(self, store: WorkflowStore) -> None:
        store.commit([make_run(f"run-{n}", due_in_s=n) for n in range(4)])
        first, cursor = store.list_active(None, 2)
        store.commit([make_finished_run("run-1", version=1)])

        rest, end = store.list_active(cursor, 2)

        assert [_id(entity) for entity in (*first, *rest)] == ["run-0", "run-1", "run-2", "run-3"]
        assert end is None

    def test_list_patient_workflows_returns_one_patients(self, store: WorkflowStore) -> None:
        for workflow_id, pseudonym in (("1", "A"), ("2", "B"), ("3", "A"), ("4", None)):
            store.commit([make_workflow(workflow_id, patient_pseudonym=pseudonym)])
        # A run may have been made for another patient, before its workflow was moved.
        store.commit([make_run("run-2", workflow_id="2", patient_pseudonym="A")])
        assert sorted(store.list_patient_workflows("A")) == ["1", "3"]
        assert store.list_patient_workflows("C") == []

    def test_delete_workflow_removes_tasks_and_audit_trail(self, store: WorkflowStore) -> None:
        trail = [make_event(at=NOW + timedelta(seconds=n)) for n in range(30)]
        store.commit([make_workflow(), make_task("a"), make_task("b")], trail)
        store.commit([make_workflow("workflow-10"), make_run()], [make_event("dag_run:run-1")])

        assert store.delete_workflow("workflow-1") == 33

        assert store.get_execution("workflow-1") is None
        assert store.list_events("workflow:workflow-1") == []
        assert store.list_workflows(QUERY).items == [make_workflow("workflow-10", version=1)]
        assert store.get_dag_run("run-1") is not None
        assert store.delete_workflow("workflow-1") == 0

    def test_delete_dag_run_removes_its_audit_trail(self, store: WorkflowStore) -> None:
        store.commit([make_run(), make_run("run-10")], [make_event("dag_run:run-1")])

        assert store.delete_dag_run("run-1") == 2

        assert store.get_dag_run("run-1") is None
        assert store.list_events("dag_run:run-1") == []
        assert store.get_dag_run("run-10") is not None
        assert store.delete_dag_run("run-1") == 0

    def test_delete_upload_removes_it(self, store: WorkflowStore) -> None:
        store.commit([make_upload()])
        assert (store.delete_upload("upload-1"), store.delete_upload("upload-1")) == (1, 0)
        assert store.get_upload("upload-1") is None

    def test_commit_refuses_to_change_what_was_deleted(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        store.delete_dag_run("run-1")
        with pytest.raises(VersionConflictError):
            store.commit([make_run(version=1)], [make_event("dag_run:run-1")])
        assert store.list_events("dag_run:run-1") == []


def _id(entity: DagRun | Task) -> str:
    return entity.dag_run_id if isinstance(entity, DagRun) else entity.task_id
