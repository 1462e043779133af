import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tests.contracts.event_bus import EventBusContract, ReadBus, make_notifications
from workflow_manager.domain.errors import MissingPermissionError
from workflow_manager.notifications.eventbridge import EventBridgeBus

BUS = "scanhub"


@pytest.fixture
def queue_url() -> str:
    """A queue that a rule on the bus sends everything to."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    names = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events = boto3.client("events")
    events.create_event_bus(Name=BUS)
    pattern = json.dumps({"source": ["scanhub.workflow-manager"]})
    events.put_rule(Name="all", EventBusName=BUS, EventPattern=pattern)
    target: Any = {"Id": "told", "Arn": names["Attributes"]["QueueArn"]}
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[target])
    return url


def read_messages(queue_url: str) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs")
    read: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        read += [json.loads(message["Body"]) for message in messages]
    return read


class TestEventBridgeBus(EventBusContract):
    @pytest.fixture
    def bus(self, queue_url: str) -> EventBridgeBus:
        return EventBridgeBus(boto3.client("events"), BUS)

    @pytest.fixture
    def read_bus(self, queue_url: str) -> ReadBus:
        return lambda: [message["detail"] for message in read_messages(queue_url)]


def test_publish_says_what_rules_match(queue_url: str) -> None:
    [notification] = make_notifications(1)

    EventBridgeBus(boto3.client("events"), BUS).publish([notification])

    [message] = read_messages(queue_url)
    assert (message["source"], message["detail-type"]) == ("scanhub.workflow-manager", "task.claim")


class StubEvents:
    """A client whose calls are answered, or fail, in turn."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.n_entries: list[int] = []

    def put_events(self, Entries: list[Any]) -> Any:  # noqa: N803 - AWS's name
        self.n_entries.append(len(Entries))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


TEN_TAKEN = {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}] * 10}
REFUSED = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Slow down."}
UNAVAILABLE = ClientError({"Error": {"Code": "InternalException", "Message": ""}}, "PutEvents")


@pytest.mark.parametrize(
    ("second", "n_taken"),
    [
        # What is after the refused entry was taken too, and will be sent again.
        ({"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, REFUSED, {"EventId": "e"}]}, 11),
        ({"FailedEntryCount": 1, "Entries": [REFUSED]}, 10),
        (UNAVAILABLE, 10),
        (MissingPermissionError(), 10),
        (EndpointConnectionError(endpoint_url="https://events"), 10),
    ],
    ids=["part of a call", "first of a call", "service", "permission", "network"],
)
def test_publish_stops_at_the_first_that_was_not_taken(second: Any, n_taken: int) -> None:
    client = StubEvents(TEN_TAKEN, second)

    assert EventBridgeBus(client, BUS).publish(make_notifications(25)) == n_taken
    # Later ones must not overtake it.
    assert client.n_entries == [10, 10]
