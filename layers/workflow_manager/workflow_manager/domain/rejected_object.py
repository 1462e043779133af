"""An object in the data lake that causes nothing, and the reason."""

from pydantic import AwareDatetime, Field

from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.entity import Cause, Entity

# The same version again is no news; an object that is copied onto itself has a new version.
BRING_IN_AGAIN = (
    "Once that has changed, copy the object onto itself (with --metadata-directive REPLACE) "
    "to bring it in again."
)


class RejectedObject(Entity):
    """An object version that causes nothing.

    Attributes
    ----------
    rejected_object_id
        Derived from bucket, key and version: the same event again makes the same record.
    key
        Somebody chose it, so it may be a patient's name: it goes neither into logs nor metrics.
    reason
        One or two sentences, without the key.
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
        """Return the record of an object, by a reason that does not hold its key."""
        return cls(
            rejected_object_id=object_dag_run_id(data),
            **data.model_dump(),
            reason=reason,
            at=cause.at,
        )
