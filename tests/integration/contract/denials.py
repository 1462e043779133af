"""AWS refuses our role what a call needs: what comes of that, and how it is brought about."""

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tests.fakes.aws_denials import DENIALS
from tests.fakes.aws_wire import answering
from tests.integration.contract.cells import Cell, Scenario
from workflow_manager import wiring
from workflow_manager.aws import AwsService

DETAIL = "The deployment lacks a permission; its operator was told."
SERVICES: dict[str, AwsService] = {
    "table": "dynamodb",
    "bucket": "s3",
    "queue": "sqs",
    "simulation queue": "sqs",
    "secret of the login": "secretsmanager",
}
# The operations that were refused since the last cell.
REFUSED: list[str] = []
_PRESENT = ExitStack()


def refuse(resource: str) -> None:
    """Let AWS refuse our role all calls to the service of a resource."""
    service = SERVICES[resource]
    client = wiring._s3_client() if service == "s3" else wiring._aws_client(service)
    answer = next(each.answer for each in DENIALS if each.service == service)
    REFUSED.clear()
    _PRESENT.enter_context(answering(client, answer, asked=REFUSED))


def allow_again() -> None:
    """Let AWS answer as ever."""
    _PRESENT.close()


def denial(scenario: Scenario, resource: str, status: int, **expected: Any) -> Cell:
    """Return a cell in which AWS refuses our role something."""
    detail = DETAIL if status >= 400 else None
    return Cell(scenario, ((resource, "denied"),), status, detail, **expected)


def deny(lost: Cell) -> Cell:
    """Return the cell of a refusal beside that of a loss: as much is done, but it is no outage."""
    [(resource, _)] = lost.faults
    status = 503 if lost.status >= 500 else lost.status
    detail = DETAIL if status >= 400 else None
    return replace(lost, faults=((resource, "denied"),), status=status, detail=detail)
