"""The deployment's one turn to log in: an item that says until when it is taken."""

from datetime import datetime

from workflow_manager.domain.errors import VersionConflictError
from workflow_manager.stores import items
from workflow_manager.stores.table import Table


def put_turn(table: Table, until: datetime, condition: str, at: datetime) -> bool:
    """Put the turn under a condition on its ``#until`` and ``:at``; tell whether that was met."""
    item = items.encode_key(items.LOGIN_TURN_KEY) | {"until": {"N": f"{until.timestamp():.6f}"}}
    put = {
        "Item": item,
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#until": "until"},
        "ExpressionAttributeValues": {":at": {"N": f"{at.timestamp():.6f}"}},
    }
    try:
        table.write([put])
    except VersionConflictError:
        return False
    return True
