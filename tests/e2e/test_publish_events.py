"""Stream → `publish_events` → event bus → rule → queue: what others hear of state changes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from local.aws import make_client, read_outputs
from tests.e2e.conftest import walk_through
from tests.e2e.laptop import Json, Laptop, wait_until
from tests.readme import read_failure_rule

ALL = {"source": ["scanhub.workflow-manager"]}
ENVELOPE = {
    "specversion": "1.0",
    "source": "/scanhub/workflow-manager",
    "datacontenttype": "application/json",
}


class Listener:
    """A queue that a rule on the bus sends to, and what has come so far."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._messages: list[Json] = []

    def list_of(self, workflow_id: str) -> list[Json]:
        """Return the messages about a workflow, in the order in which they came."""
        received = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
        for message in received.get("Messages", []):
            self._messages.append(json.loads(message["Body"]))
            receipt = message["ReceiptHandle"]
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt)
        return [m for m in self._messages if m["detail"]["data"].get("workflow_id") == workflow_id]

    def wait_for(self, workflow_id: str, n_messages: int) -> list[Json]:
        """Return the messages about a workflow once there are so many."""

        def read() -> list[Json] | None:
            found = self.list_of(workflow_id)
            return found if len(found) >= n_messages else None

        return wait_until(read, f"{n_messages} notifications")


@contextmanager
def listen(laptop: Laptop, pattern: Json) -> Iterator[Listener]:
    bus = read_outputs(laptop.config)["EventBusName"]
    name = f"told-{uuid4().hex[:8]}"
    url = laptop.sqs.create_queue(QueueName=name)["QueueUrl"]
    known = laptop.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events = make_client(laptop.config, "events")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": known["Attributes"]["QueueArn"]}
    events.put_targets(Rule=name, EventBusName=bus, Targets=[target])
    yield Listener(laptop.sqs, url)
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    laptop.sqs.delete_queue(QueueUrl=url)
    events.close()


@pytest.fixture
def everything(laptop: Laptop) -> Iterator[Listener]:
    with listen(laptop, ALL) as listener:
        yield listener


@pytest.fixture
def failures(laptop: Laptop) -> Iterator[Listener]:
    with listen(laptop, read_failure_rule()["EventPattern"]) as listener:
        yield listener


def test_publish_events_tells_of_every_line_of_the_audit_trail(
    laptop: Laptop, everything: Listener
) -> None:
    # Given somebody who listens; when a workflow is processed
    walk = walk_through(laptop)
    trail = walk.workflow["events"]
    # Then all that the audit trail says was told, in its order and once
    messages = everything.wait_for(walk.workflow_id, len(trail))
    told = [(m["detail-type"], m["detail"]["data"]["to_state"]) for m in messages]
    written = [(f"{e['entity'].partition(':')[0]}.{e['name']}", e["to_state"]) for e in trail]
    assert sorted(told) == sorted(written)
    times = [datetime.fromisoformat(message["detail"]["time"]) for message in messages]
    assert times == sorted(times)
    # And every message is a CloudEvent of its own, with ids and states only
    assert len({message["detail"]["id"] for message in messages}) == len(messages)
    for message in messages:
        assert message["source"] == "scanhub.workflow-manager"
        assert message["detail"] | ENVELOPE == message["detail"]
        assert message["detail"]["type"].endswith(message["detail-type"])
        assert laptop.stack.username not in json.dumps(message)


def test_publish_events_lets_the_rule_of_the_readme_hear_of_failures_only(
    laptop: Laptop, failures: Listener, everything: Listener
) -> None:
    # Given a scan that leaves no raw data; when its workflow is processed
    laptop.switch_fault_on("scanner", "corrupt_data", times=1)
    ids = laptop.make_workflow()
    laptop.process(ids["workflow_id"]).raise_for_status()
    workflow = laptop.wait_for_workflow(ids["workflow_id"], "failed")
    everything.wait_for(ids["workflow_id"], len(workflow["events"]))
    # Then the rule hears of the run, the task and the workflow
    messages = failures.wait_for(ids["workflow_id"], 3)
    assert sorted(m["detail"]["data"]["entity"] for m in messages) == [
        "dag_run",
        "task",
        "workflow",
    ]
    # And not why: a DAG's own words are in that
    [reason] = {task["reason"] for task in workflow["tasks"] if task["reason"]}
    assert reason not in json.dumps(messages)
