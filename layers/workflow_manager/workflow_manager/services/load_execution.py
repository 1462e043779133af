"""Bring exam-manager's definition of a workflow and our state of it together."""

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import ConflictError
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import Ports


def load_execution(
    ports: Ports,
    workflow_id: str,
    cause: Cause,
    detail: str = "Failed to fetch workflow data",
) -> Execution:
    """Return the state of a workflow, up to date with its definition; nothing is written yet.

    Parameters
    ----------
    ports
        The outside world.
    workflow_id
        The workflow.
    cause
        Who asks.
    detail
        ScanHub's text where exam-manager has no such workflow.

    Returns
    -------
    Execution
        With the changes that a commit would write.

    Raises
    ------
    ConflictError
        It is a template.
    """
    definition = ports.exam.get_workflow(workflow_id, detail)
    if definition.is_template:
        raise ConflictError("The workflow is a template: make a workflow of it first.")
    execution = ports.store.get_execution(definition.id)
    if execution is None:
        return Execution.define(definition, cause)
    execution.refresh(definition, cause)
    return execution
