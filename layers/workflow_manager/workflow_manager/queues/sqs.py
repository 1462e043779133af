"""SQS as the queue of runs that wait to be started."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from workflow_manager.domain.errors import UpstreamError


class SqsRunQueue:
    """Sends what ``events/sqs.py`` reads.

    Parameters
    ----------
    client
        SQS.
    queue_url
        The queue.
    """

    def __init__(self, client: Any, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

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
        body = json.dumps({"start_dag_run": dag_run_id})
        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=body)
        except (BotoCoreError, ClientError) as error:
            raise UpstreamError("The queue of runs did not take a message.") from error
