"""The table's stream: new lines of the audit trail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from pydantic import ValidationError

from workflow_manager.domain.entity import Event
from workflow_manager.domain.errors import InvalidInputError, UpstreamError
from workflow_manager.observability import logger

_deserializer = TypeDeserializer()


def parse_record(record: Mapping[str, Any]) -> Event:
    """Return the line of the audit trail that a record of the stream holds.

    Parameters
    ----------
    record
        One record with its new image
        (https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html).

    Raises
    ------
    InvalidInputError
        The record holds no such line.
    """
    try:
        image = record.get("dynamodb", {}).get("NewImage", {})
        return Event.model_validate(_deserializer.deserialize({"M": image}))
    except ValidationError:
        # Without its cause, in which pydantic quotes the input.
        raise InvalidInputError("The record is no line of the audit trail.") from None


def process_stream(
    event: dict[str, Any], publish: Callable[[Sequence[Event]], int]
) -> dict[str, Any]:
    """Publish the records in order, and have Lambda repeat from the first that was not taken.

    Parameters
    ----------
    publish
        Returns how many lines were taken before the first that was not.

    Raises
    ------
    InvalidInputError
        The first record cannot be read. Lambda halves the batch after every error, so only this
        record ends in the dead-letter queue.
    UpstreamError
        Nothing was taken.
    """
    records = event["Records"]
    lines, unreadable = _read_lines(records)
    n_published = publish(lines) if lines else 0
    if n_published == len(records):
        return {"batchItemFailures": []}
    logger.error("records left", extra={"n_records": len(records), "n_published": n_published})
    if n_published == 0:
        # If lines came before the unreadable record, it is the bus that refused them.
        refused = UpstreamError("The event bus took nothing.")
        raise refused if lines or unreadable is None else unreadable
    sequence_number = records[n_published].get("dynamodb", {}).get("SequenceNumber")
    return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}


def _read_lines(
    records: Sequence[Mapping[str, Any]],
) -> tuple[list[Event], InvalidInputError | None]:
    lines: list[Event] = []
    for record in records:
        try:
            lines.append(parse_record(record))
        except InvalidInputError as error:
            return lines, error
    return lines, None
