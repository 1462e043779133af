"""An object that came into the data lake and causes nothing: what it is, and why."""

from pydantic import AwareDatetime, Field

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause, Entity

# The same object again says nothing new; a copy onto itself is a new version, so a new cause.
BRING_IN_AGAIN = (
    "Once that has changed, copy the object onto itself (with --metadata-directive REPLACE) "
    "to bring it in again."
)


class RejectedObject(Entity):
    """One object version that fits nothing.

    Attributes
    ----------
    rejected_object_id
        Derived from bucket, key and version: the same event again is the same record.
    key
        As somebody named it, so perhaps a patient's name: neither for logs nor for metrics.
    reason
        One sentence or two, without the key.
    at
        When it was rejected, UTC.
    """

    rejected_object_id: str
    bucket: str
    key: str = Field(repr=False)
    version_id: str | None = None
    size_bytes: int | None = None
    reason: str
    at: AwareDatetime

    @classmethod
    def of(cls, data: ObjectVersion, reason: str, cause: Cause) -> "RejectedObject":
        """Return the record of an object.

        Parameters
        ----------
        data
            The object version.
        reason
            Why it causes nothing, without its key.
        cause
            Who noticed, and when.
        """
        return cls(
            rejected_object_id=object_dag_run_id(data),
            **data.model_dump(),
            reason=reason,
            at=cause.at,
        )
