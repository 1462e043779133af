"""SQS as the queue of runs that wait to be started."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workflow_manager.domain.errors import UpstreamError


class SqsMessageQueue:
    """Sends what ``events/sqs.py`` reads.

    Parameters
    ----------
    client
        SQS.
    queue_url
        The queue of `trigger_airflow`.
    simulation_queue_url
        The queue of `simulate_reconstruction`.
    """

    def __init__(self, client: Any, queue_url: str, simulation_queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url
        self._simulation_queue_url = simulation_queue_url

    def send_start(self, dag_run_id: str) -> None:
        """Ask for a pending run to be started.

        Parameters
        ----------
        dag_run_id
            The run.

        Raises
        ------
        UpstreamError
            SQS did not take the message.
        """
        self._send(self._queue_url, {"start_dag_run": dag_run_id}, 0)

    def send_simulation_step(self, dag_run_id: str, step: int, delay_s: int) -> None:
        """Ask for a step of a simulated run.

        Parameters
        ----------
        dag_run_id
            The run.
        step
            From 1.
        delay_s
            When, from now [s].

        Raises
        ------
        UpstreamError
            SQS did not take the message.
        """
        self._send(self._simulation_queue_url, {"simulate_run": dag_run_id, "step": step}, delay_s)

    def _send(self, queue_url: str, message: dict[str, str | int], delay_s: int) -> None:
        try:
            self._client.send_message(
                QueueUrl=queue_url, MessageBody=json.dumps(message), DelaySeconds=delay_s
            )
        except (BotoCoreError, ClientError) as error:
            raise UpstreamError("The queue of runs did not take a message.") from error
