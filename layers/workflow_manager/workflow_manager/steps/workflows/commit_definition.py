"""Commit what was taken over of a definition that is too large for one transaction."""

from workflow_manager.domain.change_set import MAX_N_DEFINED
from workflow_manager.domain.definition import split
from workflow_manager.domain.execution import Execution
from workflow_manager.ports import MessageQueue, WorkflowStore
from workflow_manager.steps.workflows.commit_execution import commit_execution


def commit_definition(store: WorkflowStore, queue: MessageQueue, execution: Execution) -> Execution:
    """Commit in parts what a load has changed, if it left a decision too little room.

    Returns
    -------
    Execution
        What is to be decided upon; a few changes are still to be committed with the decision.

    Raises
    ------
    VersionConflictError
        Somebody else wrote first; the parts before stand, and the next refresh completes them.
    """
    if execution.changes.n_items <= MAX_N_DEFINED:
        return execution
    for part in split(execution):
        commit_execution(store, queue, part)
        version = part.graph.workflow.version
    # The last part has counted up once more.
    execution.put_workflow(version=version)
    return execution.as_committed()
