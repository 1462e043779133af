"""Delete what was found of a patient."""

from workflow_manager.domain.errors import ConflictError
from workflow_manager.ports import Ports
from workflow_manager.services.find_patient_data import PatientData, WorkflowData


def erase_patient_data(ports: Ports, found: PatientData) -> int:
    """Delete all items and objects for good; what was begun and broke off can be repeated.

    Parameters
    ----------
    ports
        The outside world.
    found
        By `find_patient_data`.

    Returns
    -------
    int
        How many items, object versions and unfinished uploads were deleted.

    Raises
    ------
    ConflictError
        Something is in progress and would write again; nothing was deleted.
    """
    in_progress = [name for workflow in found.workflows for name in workflow.in_progress]
    if in_progress:
        raise ConflictError(f"In progress: {', '.join(in_progress)}. Nothing was deleted.")
    return sum(_erase_workflow(ports, workflow) for workflow in found.workflows)


def _erase_workflow(ports: Ports, workflow: WorkflowData) -> int:
    # In this order, for keys name the uploads and tasks the runs: who comes second finds the rest.
    n_deleted = sum(ports.store.delete_upload(upload_id) for upload_id in workflow.upload_ids)
    n_deleted += sum(ports.lake.delete_prefix(prefix) for prefix in workflow.prefixes)
    n_deleted += sum(ports.store.delete_dag_run(run_id) for run_id in workflow.dag_run_ids)
    return n_deleted + ports.store.delete_workflow(workflow.workflow_id)
