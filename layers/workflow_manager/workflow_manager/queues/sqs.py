"""SQS as the queues of our own functions."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import JsonValue
from ulid import ULID

from workflow_manager.domain.errors import UpstreamError
from workflow_manager.settings import Settings

# All stops share one group, for they all go to Airflow: if it hangs, no report waits for it.
STOPS = "stops"


class SqsMessageQueue:
    """Sends the messages that ``events/sqs.py`` reads."""

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def send_start(self, dag_run_id: str) -> None:
        """Ask for a pending run to be started."""
        self._send(self._settings.queue_url, {"start_dag_run": dag_run_id})

    def send_reports(self, workflow_id: str, task_ids: Sequence[str]) -> None:
        """Ask for exam-manager to be told of tasks; a workflow's messages are handled in turn."""
        # SQS allows fewer characters in a group's name than our ids may have.
        group = sha256(workflow_id.encode()).hexdigest()
        self._send_change({"report_tasks": list(task_ids), "workflow_id": workflow_id}, group)

    def send_stops(self, dag_run_ids: Sequence[str]) -> None:
        """Ask for runs to be stopped in Airflow; the messages are handled in turn."""
        self._send_change({"stop_dag_runs": list(dag_run_ids)}, STOPS)

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        """Ask for a step of a simulated run, from 1, `delay_s` from now [s]."""
        message: dict[str, JsonValue] = {"simulate_run": dag_run_id, "step": step}
        self._send(self._settings.simulation_queue_url, message, DelaySeconds=delay_s)

    def _send_change(self, message: Mapping[str, JsonValue], group: str) -> None:
        # Two changes of one task make two messages of the same text: deduplicated by text, SQS
        # would drop one.
        names = {"MessageGroupId": group, "MessageDeduplicationId": str(ULID())}
        self._send(self._settings.change_queue_url, message, **names)

    def _send(self, queue_url: str, message: Mapping[str, JsonValue], **options: Any) -> None:
        try:
            self._client.send_message(
                QueueUrl=queue_url, MessageBody=json.dumps(message), **options
            )
        except (BotoCoreError, ClientError) as error:
            raise UpstreamError("A queue did not take a message.") from error
