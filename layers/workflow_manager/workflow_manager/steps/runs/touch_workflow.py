"""What is shown of a run is a part of what is shown of its workflow."""

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.workflow import Workflow
from workflow_manager.ports import WorkflowStore


def touch_workflow(store: WorkflowStore, run: DagRun) -> list[Workflow]:
    """Return a run's workflow, to be written with it: its version tells clients of every change."""
    workflow = store.get_workflow(run.workflow_id) if run.workflow_id else None
    return [workflow] if workflow else []
