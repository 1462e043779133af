"""Delete what was found of a patient."""

from workflow_manager.domain.errors import ConflictError
from workflow_manager.ports import DataLake, WorkflowStore
from workflow_manager.steps.patients.find_patient_data import PatientData, WorkflowData


def erase_patient_data(store: WorkflowStore, lake: DataLake, found: PatientData) -> int:
    """Delete all that `find_patient_data` found, for good; an interrupted call can be repeated.

    Returns
    -------
    int
        The number of items, object versions and unfinished uploads that were deleted.

    Raises
    ------
    ConflictError
        Something is in progress and would write again; nothing was deleted.
    """
    in_progress = [name for workflow in found.workflows for name in workflow.in_progress]
    if in_progress:
        raise ConflictError(f"In progress: {', '.join(in_progress)}. Nothing was deleted.")
    return sum(_erase_workflow(store, lake, workflow) for workflow in found.workflows)


def _erase_workflow(store: WorkflowStore, lake: DataLake, workflow: WorkflowData) -> int:
    # Objects name their uploads and tasks their runs, so what is named goes first: a second call
    # finds the rest.
    n_deleted = sum(store.delete_upload(upload_id) for upload_id in workflow.upload_ids)
    n_deleted += sum(lake.delete_prefix(prefix) for prefix in workflow.prefixes)
    n_deleted += sum(store.delete_dag_run(run_id) for run_id in workflow.dag_run_ids)
    return n_deleted + store.delete_workflow(workflow.workflow_id)
