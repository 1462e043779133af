"""Record an object that causes nothing, so that its owner learns why."""

from workflow_manager.domain.data_lake import ObjectVersion, is_folder_marker
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.domain.rejected_object import RejectedObject
from workflow_manager.observability import MetricUnit, logger, metrics
from workflow_manager.ports import WorkflowStore


def reject_object(store: WorkflowStore, data: ObjectVersion, reason: str, cause: Cause) -> None:
    """Record an object version with its reason, once; the object itself stays.

    Parameters
    ----------
    reason
        Why it causes nothing; without its key, which may be a patient's name.
    """
    rejected = RejectedObject.of(data, reason, cause)
    try:
        store.commit([rejected])
    except VersionConflictError:
        # S3 sent the event before: the record exists.
        return
    # S3's console makes folder markers by itself, so they are not counted.
    if not is_folder_marker(data):
        metrics.add_metric("ObjectsRejected", MetricUnit.Count, 1)
    known = {"rejected_object_id": rejected.rejected_object_id, "reason": reason}
    logger.info("object rejected", extra=known)
