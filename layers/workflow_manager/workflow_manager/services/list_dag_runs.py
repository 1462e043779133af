"""List the runs of one workflow."""

from workflow_manager.domain.dag_run import DagRun, task_dag_run_id
from workflow_manager.domain.ids import is_plausible_id
from workflow_manager.domain.listing import ListQuery, Page, encode_cursor, place_of
from workflow_manager.ports import WorkflowStore

# Of each task, the newest; the ids of those before are in the audit trail.
MAX_N_ATTEMPTS = 100


def list_runs_of(store: WorkflowStore, workflow_id: str, query: ListQuery) -> Page[DagRun]:
    """Return a page of a workflow's runs, newest first; no index is asked, for ids tell them."""
    tasks = store.list_tasks(workflow_id).values() if is_plausible_id(workflow_id) else ()
    ids = [
        task_dag_run_id(task.task_id, attempt)
        for task in tasks
        if not task.task_type.is_device_task
        for attempt in range(max(1, task.attempt - MAX_N_ATTEMPTS + 1), task.attempt + 1)
    ]
    runs = {place_of(run): run for run in store.get_dag_runs(ids).values() if query.accepts(run)}
    below = sorted((p for p in runs if query.lowest <= p < query.before), reverse=True)
    page = below[: query.limit]
    cursor = encode_cursor(page[-1]) if below[query.limit :] else None
    return Page([runs[place] for place in page], cursor)
