"""Messages of our queues: S3's notifications, and what our own functions send."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote_plus

from workflow_manager.domain.data_lake import ObjectVersion
from workflow_manager.domain.errors import InvalidInputError, ScanHubError
from workflow_manager.domain.timestamps import parse_time
from workflow_manager.observability import log_unexpected, logger
from workflow_manager.services.follow_changes import ReportTasks, StopDagRuns
from workflow_manager.services.trigger_airflow import ObjectCreated, StartDagRun

# https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
Record = Mapping[str, Any]


def parse_body(body: str) -> list[ObjectCreated | StartDagRun]:
    """Return what a message asks for; nothing for the test event that S3 sends at setup.

    Raises
    ------
    InvalidInputError
        The message is neither S3's nor ours: it belongs in the dead-letter queue.
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
    """Return the run and the step of a simulation that a message asks for.

    Raises
    ------
    InvalidInputError
        The message is not ours.
    """
    match _load(body):
        case {"simulate_run": str(dag_run_id), "step": int(step)}:
            return dag_run_id, step
    raise InvalidInputError("The message is no step of a simulated run.")


def parse_change(record: Record) -> ReportTasks | StopDagRuns:
    """Return the changes of state that a message asks to follow.

    Raises
    ------
    InvalidInputError
        The message is not ours.
    """
    match _load(record["body"]):
        case {"report_tasks": list(ids), "workflow_id": str(workflow_id)} if _are_ids(ids):
            n_received = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
            return ReportTasks(workflow_id, tuple(ids), is_repeated=n_received > 1)
        case {"stop_dag_runs": list(ids)} if _are_ids(ids):
            return StopDagRuns(tuple(ids))
    raise InvalidInputError("The message tells of no change.")


def _are_ids(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def parse_s3_record(record: dict[str, Any]) -> ObjectCreated:
    """Return the created object that a record of S3 names.

    Parameters
    ----------
    record
        One record of a notification
        (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).

    Raises
    ------
    InvalidInputError
        The record is not of a created object.
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


def process_messages(event: dict[str, Any], handle: Callable[[Record], None]) -> dict[str, Any]:
    """Handle every message and name those that failed, so that only they are sent again.

    Powertools' batch processor does the same but adds 45 ms to a start
    (docs/adr/0015-a-quick-start.md).

    Parameters
    ----------
    event
        The event of SQS, or a bare event of S3, as ``sam local invoke`` sends it.

    Returns
    -------
    dict[str, Any]
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    records = event["Records"]
    if any("s3" in record for record in records):
        records = [{"messageId": "s3", "body": json.dumps(event)}]
    failed = [each["messageId"] for each in records if not _has_handled(each, handle)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _has_handled(record: Record, handle: Callable[[Record], None]) -> bool:
    try:
        handle(record)
    except ScanHubError as error:
        logger.error("message failed", extra={"reason": error.detail})
    except Exception as error:  # noqa: BLE001 - one message must not take the others with it
        log_unexpected(error)
    else:
        return True
    return False


def _load(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise InvalidInputError("The message is not JSON.") from None
