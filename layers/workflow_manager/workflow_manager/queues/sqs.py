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

# Airflow is one neighbour: its stops wait in one line, and hold up nobody's reports if it hangs.
STOPS = "stops"


class SqsMessageQueue:
    """Sends what ``events/sqs.py`` reads.

    Parameters
    ----------
    client
        SQS.
    settings
        The URLs of the queues.
    """

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def send_start(self, dag_run_id: str) -> None:
        """Ask for a pending run to be started."""
        self._send(self._settings.queue_url, {"start_dag_run": dag_run_id})

    def send_reports(self, workflow_id: str, task_ids: Sequence[str]) -> None:
        """Ask for exam-manager to be told of tasks, one message of a workflow at a time."""
        # A group's name may hold fewer characters than an id of ours.
        group = sha256(workflow_id.encode()).hexdigest()
        self._send_change({"report_tasks": list(task_ids), "workflow_id": workflow_id}, group)

    def send_stops(self, dag_run_ids: Sequence[str]) -> None:
        """Ask for runs to be stopped in Airflow, one message at a time."""
        self._send_change({"stop_dag_runs": list(dag_run_ids)}, STOPS)

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        """Ask for a step of a simulated run, from 1, `delay_s` from now [s]."""
        message: dict[str, JsonValue] = {"simulate_run": dag_run_id, "step": step}
        self._send(self._settings.simulation_queue_url, message, DelaySeconds=delay_s)

    def _send_change(self, message: Mapping[str, JsonValue], group: str) -> None:
        # Two changes of one task are two messages of one text: by its text, SQS would drop one.
        names = {"MessageGroupId": group, "MessageDeduplicationId": str(ULID())}
        self._send(self._settings.change_queue_url, message, **names)

    def _send(self, queue_url: str, message: Mapping[str, JsonValue], **options: Any) -> None:
        try:
            self._client.send_message(
                QueueUrl=queue_url, MessageBody=json.dumps(message), **options
            )
        except (BotoCoreError, ClientError) as error:
            raise UpstreamError("A queue did not take a message.") from error
