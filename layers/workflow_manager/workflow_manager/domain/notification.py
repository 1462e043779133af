"""A state change as others are told of it: CloudEvents 1.0, with ids and states only.

The audit trail also names people and quotes the DAG's reason for a failure; neither is sent.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from workflow_manager.domain.entity import Event

CLOUD_EVENTS_SOURCE = "/scanhub/workflow-manager"
TYPE_PREFIX = "org.scanhub.workflowmanager"


class Notification(BaseModel):
    """A CloudEvents envelope (https://github.com/cloudevents/spec, version 1.0.2).

    Attributes
    ----------
    id
        The id of the line in the audit trail: receivers see it again if a notification is repeated.
    type
        ``org.scanhub.workflowmanager.{kind}.{event}``, for example ``….task.fail``.
    subject
        What moved: ``task/{id}``, ``dag_run/{id}`` or ``workflow/{id}``.
    data
        ``entity`` (the kind), ``event``, ``from_state``, ``to_state``, and the ids of what moved
        and of its workflow.
    """

    model_config = ConfigDict(frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str = CLOUD_EVENTS_SOURCE
    type: str
    subject: str
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, str | None]

    @property
    def name(self) -> str:
        """The type without its prefix: ``task.fail``."""
        return self.type.removeprefix(f"{TYPE_PREFIX}.")

    def to_cloud_event(self) -> dict[str, Any]:
        """Return the envelope as JSON values."""
        return self.model_dump(mode="json")


def make_notification(event: Event) -> Notification:
    """Return what others may know of a line of the audit trail."""
    kind, _, entity_id = event.entity.partition(":")
    owner_kind, _, owner_id = event.subject.partition(":")
    return Notification(
        id=event.event_id,
        type=f"{TYPE_PREFIX}.{kind}.{event.name}",
        subject=f"{kind}/{entity_id}",
        time=event.at,
        data={
            f"{owner_kind}_id": owner_id,
            f"{kind}_id": entity_id,
            "entity": kind,
            "event": event.name,
            "from_state": event.from_state,
            "to_state": event.to_state,
        },
    )
