"""What every `WorkflowStore` must do when it lists runs and workflows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest

from tests.contracts.samples import (
    NOW,
    make_finished_run,
    make_rejected_object,
    make_run,
    make_task,
    make_upload,
    make_workflow,
)
from workflow_manager.domain.dag_run import DagRun, DagRunState
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.listing import ListQuery, Page
from workflow_manager.domain.upload import UploadState
from workflow_manager.domain.workflow import WorkflowStatus
from workflow_manager.ports import WorkflowStore

QUERY = ListQuery(since=NOW - timedelta(days=366), until=NOW, limit=100)
ItemT = TypeVar("ItemT")


class StoreListingContract:
    """Part of `StoreContract`."""

    def test_list_returns_newest_first_and_by_id_where_times_are_equal(
        self, store: WorkflowStore
    ) -> None:
        early = NOW - timedelta(microseconds=1)
        store.commit([make_run("a", created_at=early), make_run("c"), make_run("b")])
        store.commit([make_workflow(), make_task("task-1"), make_upload()])

        page = store.list_dag_runs(QUERY)

        assert [run.dag_run_id for run in page.items] == ["c", "b", "a"]
        assert page.items[1] == make_run("b", version=1)
        assert page.next_cursor is None
        assert store.list_workflows(QUERY) == Page([make_workflow(version=1)], None)

    def test_list_uploads_shows_open_ones_of_their_owner_alone(self, store: WorkflowStore) -> None:
        early = make_upload("upload-2").evolve(created_at=NOW - timedelta(days=40))
        others = make_upload("upload-3").evolve(owner="ada\ud800" * 500)
        closed = make_upload("upload-4")
        store.commit([make_upload(), early, others, closed])
        store.commit([closed.evolve(version=1, state=UploadState.ABORTED)])

        page = store.list_uploads("ada", replace(QUERY, limit=1))
        rest = store.list_uploads("ada", replace(QUERY, cursor=page.next_cursor))

        assert page.items == [make_upload().evolve(version=1)]
        assert rest == Page([early.evolve(version=1)], None)

    def test_list_goes_through_months_and_years_page_by_page(self, store: WorkflowStore) -> None:
        # Given: months without any run between
        times = [
            datetime(2026, 11, 1, tzinfo=UTC),
            datetime(2026, 10, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 10, 1, tzinfo=UTC),
            datetime(2026, 3, 15, tzinfo=UTC),
            datetime(2025, 12, 31, tzinfo=UTC),
        ]
        store.commit([make_run(f"run-{n}", created_at=at) for n, at in enumerate(times)])

        pages = follow(store.list_dag_runs, replace(QUERY, limit=2))

        assert [ids(page) for page in pages] == [["run-0", "run-1"], ["run-2", "run-3"], ["run-4"]]

    def test_list_ends_without_a_cursor_where_the_last_page_is_full(
        self, store: WorkflowStore
    ) -> None:
        store.commit([make_run(f"run-{n}") for n in range(4)])
        pages = follow(store.list_dag_runs, replace(QUERY, limit=2))
        assert [len(page.items) for page in pages] == [2, 2]

    def test_list_neither_shifts_nor_repeats_for_what_is_created_meanwhile(
        self, store: WorkflowStore
    ) -> None:
        times = {f"run-{n}": NOW - timedelta(seconds=n) for n in range(4)}
        store.commit([make_run(name, created_at=at) for name, at in times.items()])
        query = replace(QUERY, until=NOW + timedelta(days=40), limit=2)
        first = store.list_dag_runs(query)

        store.commit([make_run("newer", created_at=NOW + timedelta(days=30))])
        store.commit([make_run("run-1z", created_at=times["run-1"])])
        second = store.list_dag_runs(replace(query, cursor=first.next_cursor))

        assert (ids(first), ids(second)) == (["run-0", "run-1"], ["run-2", "run-3"])

    def test_list_goes_on_where_the_last_item_of_a_page_was_deleted(
        self, store: WorkflowStore
    ) -> None:
        store.commit([make_run(f"run-{n}") for n in range(4)])
        query = replace(QUERY, limit=2)
        first = store.list_dag_runs(query)
        store.delete_dag_run("run-2")
        second = store.list_dag_runs(replace(query, cursor=first.next_cursor))
        assert (ids(first), ids(second)) == (["run-3", "run-2"], ["run-1", "run-0"])

    def test_list_takes_in_both_ends_of_its_period(self, store: WorkflowStore) -> None:
        tick = timedelta(microseconds=1)
        since, until = NOW - timedelta(days=40), NOW - timedelta(days=2)
        times = [since - tick, since, until, until + tick]
        store.commit([make_run(f"run-{n}", created_at=at) for n, at in enumerate(times)])
        page = store.list_dag_runs(replace(QUERY, since=since, until=until))
        assert ids(page) == ["run-2", "run-1"]

    def test_list_filters_by_state_and_dag(self, store: WorkflowStore) -> None:
        other = {"dag_id": "dag_other"}
        store.commit([make_run("a"), make_run("b", **other), make_finished_run("c", **other)])
        pending, others = replace(QUERY, state=DagRunState.PENDING), replace(QUERY, **other)
        assert ids(store.list_dag_runs(pending)) == ["b", "a"]
        assert ids(store.list_dag_runs(others)) == ["c", "b"]
        assert ids(store.list_dag_runs(replace(pending, **other))) == ["b"]
        assert ids(store.list_dag_runs(replace(pending, dag_id=""))) == []

    def test_list_filters_workflows_by_status(self, store: WorkflowStore) -> None:
        failed = make_workflow("workflow-2", status=WorkflowStatus.FAILED)
        store.commit([make_workflow(), failed])
        page = store.list_workflows(replace(QUERY, state=WorkflowStatus.FAILED))
        assert page == Page([failed.evolve(version=1)], None)

    def test_list_fills_pages_with_what_passes_the_filter(self, store: WorkflowStore) -> None:
        runs = [make_finished_run(f"run-{n}") if n % 3 else make_run(f"run-{n}") for n in range(9)]
        store.commit([run.evolve(created_at=NOW - timedelta(days=n)) for n, run in enumerate(runs)])
        pages = follow(store.list_dag_runs, replace(QUERY, state=DagRunState.PENDING, limit=2))
        assert [ids(page) for page in pages] == [["run-0", "run-3"], ["run-6"]]

    def test_list_follows_a_change_of_state(self, store: WorkflowStore) -> None:
        store.commit([make_run()])
        store.commit([make_finished_run(version=1)])
        assert ids(store.list_dag_runs(replace(QUERY, state=DagRunState.PENDING))) == []
        assert ids(store.list_dag_runs(replace(QUERY, state=DagRunState.SUCCEEDED))) == ["run-1"]

    def test_list_shows_rejected_objects_by_themselves(self, store: WorkflowStore) -> None:
        early = NOW - timedelta(days=31)
        store.commit([make_run(), make_workflow()])
        store.commit([make_rejected_object("a", at=early), make_rejected_object("c")])
        store.commit([make_rejected_object("b")])

        pages = follow(store.list_rejected_objects, replace(QUERY, limit=2))

        shown = [[rejected.rejected_object_id for rejected in page.items] for page in pages]
        assert shown == [["c", "b"], ["a"]]
        assert pages[0].items[0] == make_rejected_object("c", version=1)
        assert ids(store.list_dag_runs(QUERY)) == ["run-1"]

    def test_rejected_object_is_recorded_once(self, store: WorkflowStore) -> None:
        store.commit([make_rejected_object()])
        with pytest.raises(VersionConflictError):
            store.commit([make_rejected_object(at=NOW + timedelta(seconds=1))])
        assert len(store.list_rejected_objects(QUERY).items) == 1

    def test_list_is_empty_where_the_cursor_lies_before_the_period(
        self, store: WorkflowStore
    ) -> None:
        store.commit([make_run("a"), make_run("b")])
        cursor = store.list_dag_runs(replace(QUERY, limit=1)).next_cursor
        later = NOW + timedelta(days=1)
        query = ListQuery(since=later, until=later, limit=10, cursor=cursor)
        assert store.list_dag_runs(query) == Page([], None)

    def test_list_of_a_period_of_decades_ends(self, store: WorkflowStore) -> None:
        # Given: more empty months than one call looks at
        store.commit([make_run("old", created_at=datetime(2020, 1, 1, tzinfo=UTC))])
        query = replace(QUERY, since=datetime(2019, 1, 1, tzinfo=UTC))
        pages = follow(store.list_dag_runs, query)
        assert [run.dag_run_id for page in pages for run in page.items] == ["old"]


def ids(page: Page[DagRun]) -> list[str]:
    return [run.dag_run_id for run in page.items]


def follow(list_page: Callable[[ListQuery], Page[ItemT]], query: ListQuery) -> list[Page[ItemT]]:
    """Return all pages."""
    pages = [list_page(query)]
    while pages[-1].next_cursor:
        assert len(pages) < 10
        pages.append(list_page(replace(query, cursor=pages[-1].next_cursor)))
    return pages
