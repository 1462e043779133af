"""Take a DAG's own sentence for a failure that was found in Airflow before."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.execution import Execution
from workflow_manager.domain.task import TaskStatus
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.retry_on_conflict import retry_on_conflict
from workflow_manager.steps.workflows.commit_execution import commit_execution


@retry_on_conflict
def replace_reason(
    store: WorkflowStore,
    queue: MessageQueue,
    dag_run_id: str,
    reason: str,
    outcome_hash: str,
    cause: Cause,
) -> DagRun | None:
    """Give a failed run, and its task if that failed by it, another reason; None: there is none."""
    run = store.get_dag_run(dag_run_id)
    if run is None:
        return None
    explained = run.evolve(reason=reason, outcome_hash=outcome_hash)
    execution = store.get_execution(run.workflow_id) if run.workflow_id else None
    if execution is None:
        store.commit([explained])
    else:
        execution.put_run(explained)
        _explain_task(execution, explained, cause)
        commit_execution(store, queue, execution)
    return explained


def _explain_task(execution: Execution, run: DagRun, cause: Cause) -> None:
    task = execution.graph.tasks.get(run.task_id or "")
    if task and task.dag_run_id == run.dag_run_id and task.status is TaskStatus.FAILED:
        told = {"reason": run.reason, "is_mirror_due": True}
        execution.put_task(task.evolve(**told), cause)
        states = (task.status, task.status)
        execution.record(f"task:{task.task_id}", "explain", states, cause, run.reason)
