from dataclasses import replace

from tests.contracts.samples import make_finished_run
from tests.contracts.store_listing import QUERY, ids
from tests.fakes.store import MemoryStore
from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.exam import ResultType
from workflow_manager.domain.listing import Page
from workflow_manager.domain.result import Result
from workflow_manager.http.list_schemas import MAX_LIST_SIZE_BYTES, DagRunList


def make_large_run(dag_run_id: str, size_bytes: int) -> DagRun:
    result = Result(type=ResultType.DICOM, key="x" * 1000)
    n_results = size_bytes // len(result.model_dump_json())
    return make_finished_run(dag_run_id, results=(result,) * n_results)


def test_page_of_runs_ends_before_it_is_too_large_and_leads_on() -> None:
    # Given: runs of which three fit into one answer
    store = MemoryStore()
    store.commit([make_large_run(f"run-{n}", MAX_LIST_SIZE_BYTES // 3 - 5000) for n in range(5)])
    # When
    first = DagRunList.of(store.list_dag_runs(QUERY))
    rest = store.list_dag_runs(replace(QUERY, cursor=first.next_cursor))
    # Then
    assert [run.dag_run_id for run in first.dag_runs] == ["run-4", "run-3", "run-2"]
    assert ids(rest) == ["run-1", "run-0"]


def test_page_of_runs_has_at_least_one() -> None:
    page = Page([make_large_run("run-1", 2 * MAX_LIST_SIZE_BYTES)], None)
    assert len(DagRunList.of(page).dag_runs) == 1
