"""Sentences that say why a run has failed."""

from collections.abc import Sequence

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.orchestrator_run import TaskInstance

MAX_N_NAMED = 5


def explain_no_results(run: DagRun) -> str | None:
    """Return why a success without results is a failure, or None if the run needs none."""
    if not run.needs_results:
        return None
    return f"The DAG {run.dag_id} reported success without a result."


def list_failed(instances: Sequence[TaskInstance]) -> list[TaskInstance]:
    """Return the tasks of a run that failed by themselves, the first one first."""
    failed = [each for each in instances if each.state == "failed"]
    return sorted(failed, key=lambda each: (each.ended_at is None, each.ended_at, each.task_id))


def explain_failure(instances: Sequence[TaskInstance], exception_type: str | None) -> str:
    """Return where a run failed in Airflow that has not said why.

    Parameters
    ----------
    exception_type
        Of the task that failed first, if Airflow tells.
    """
    names = list(dict.fromkeys(each.task_id for each in list_failed(instances)))[:MAX_N_NAMED]
    if names and exception_type:
        names[0] += f" ({exception_type})"
    where = f", in {', '.join(names)}" if names else ""
    return f"The DAG failed in Airflow{where}."
