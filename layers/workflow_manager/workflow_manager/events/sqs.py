"""Messages of the queue: S3's notifications, and our own "start this run"."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import InvalidInputError, ScanHubError
from workflow_manager.domain.timestamps import parse_time
from workflow_manager.observability import log_unexpected, logger
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun


def parse_body(body: str) -> list[ObjectCreated | StartDagRun]:
    """Return what a message asks for.

    Parameters
    ----------
    body
        Body of an SQS message.

    Returns
    -------
    list[ObjectCreated | StartDagRun]
        Empty for the test event that S3 sends when notifications are set up.

    Raises
    ------
    InvalidInputError
        The message is none of ours: it belongs in the dead-letter queue.
    """
    match _load(body):
        case {"Event": "s3:TestEvent"}:
            return []
        case {"start_dag_run": str(dag_run_id)}:
            return [StartDagRun(dag_run_id)]
        case {"Records": list(records)}:
            return [parse_s3_record(record) for record in records]
    raise InvalidInputError("The message is neither S3's nor ours.")


def parse_simulation_step(body: str) -> tuple[str, int]:
    """Return which step of which simulated run a message asks for.

    Parameters
    ----------
    body
        Body of an SQS message.

    Raises
    ------
    InvalidInputError
        The message is none of ours.
    """
    match _load(body):
        case {"simulate_run": str(dag_run_id), "step": int(step)}:
            return dag_run_id, step
    raise InvalidInputError("The message is no step of a simulated run.")


def parse_s3_record(record: dict[str, Any]) -> ObjectCreated:
    """Return the object that a record of S3 speaks of.

    Parameters
    ----------
    record
        One record of a notification
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).

    Raises
    ------
    InvalidInputError
        It is no record of a created object.
    """
    match record:
        case {
            "eventName": str(name),
            "s3": {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **entry}},
        } if "ObjectCreated" in name:
            return ObjectCreated(
                ObjectVersion(
                    bucket=bucket,
                    key=unquote_plus(key),
                    version_id=entry.get("versionId"),
                    size_bytes=entry.get("size"),
                ),
                parse_time(record.get("eventTime")),
            )
    raise InvalidInputError("The record does not tell of a created object.")


def process_records(
    event: dict[str, Any], handle: Callable[[SQSRecord], None], context: LambdaContext
) -> dict[str, Any]:
    """Handle every record and name those that failed, so that only they come again.

    Parameters
    ----------
    event
        What SQS sent; a bare S3 event is taken too, for ``sam local invoke``.
    handle
        Handles one record.
    context
        Lambda's.
    """
    if any("s3" in record for record in event.get("Records", [])):
        event = {"Records": [{"messageId": "s3", "body": json.dumps(event)}]}
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return dict(process_partial_response(event, _logged(handle), processor, context))


def _load(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise InvalidInputError("The message is not JSON.") from None


def _logged(handle: Callable[[SQSRecord], None]) -> Callable[[SQSRecord], None]:
    def wrapper(record: SQSRecord) -> None:
        try:
            handle(record)
        except ScanHubError as error:
            logger.error("message failed", extra={"reason": error.detail})
            raise
        except Exception as error:
            log_unexpected(error)
            raise

    return wrapper
