"""The operations that each role may call: the deployment's `RolePermissions`."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

# The roles of ScanHub's user-login-manager.
ROLES = frozenset({"admin", "engineer", "medical", "scientist"})
# All operations that need a user; a test compares them with the functions.
OPERATIONS = frozenset(
    {
        "abort_upload",
        "cancel_dag_run",
        "cancel_task",
        "cancel_workflow",
        "complete_upload",
        "create_upload",
        "get_dag_run",
        "get_dicom",
        "get_me",
        "get_upload",
        "get_workflow",
        "hello",
        "list_available_tasks",
        "list_dag_runs",
        "list_rejected_objects",
        "list_results",
        "list_uploads",
        "list_workflow_events",
        "list_workflows",
        "process_workflow",
        "retry_dag_run",
        "retry_task",
        "retry_workflow",
        "trigger_task",
        "upload_and_trigger",
        "validate_workflow",
    }
)
# In place of a role: every role that is not named. In place of an operation: all operations.
ANY = "*"


@cache
def parse_role_permissions(text: str) -> Mapping[str, frozenset[str]]:
    """Return the operations by role; if the text is empty, every role may do everything.

    Raises
    ------
    ValueError
        The text is no such table, or names a role or an operation that does not exist.
    """
    try:
        table = json.loads(text or "{}", object_pairs_hook=_read_object)
    except RecursionError:
        table = None
    except json.JSONDecodeError:
        raise ValueError("It is not JSON.") from None
    if not isinstance(table, dict):
        raise ValueError("It is no table from role to a list of operations.")
    return {role: _check(role, operations) for role, operations in table.items()}


def may(text: str, role: str, operation_id: str) -> bool:
    """Tell whether users of a role may call an operation; raise like `parse_role_permissions`."""
    permissions = parse_role_permissions(text)
    allowed = permissions.get(role, permissions.get(ANY, frozenset()))
    return not permissions or not allowed.isdisjoint({operation_id, ANY})


def list_permissions(text: str, role: str) -> list[str]:
    """Return the operations that users of a role may call; raise like `parse_role_permissions`."""
    return sorted(each for each in OPERATIONS if may(text, role, each))


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("It names a role twice.")
    return table


def _check(role: str, operations: object) -> frozenset[str]:
    if role not in ROLES | {ANY}:
        raise ValueError(f"There is no role {json.dumps(role)}: {', '.join(sorted(ROLES))}, or *.")
    if not isinstance(operations, list):
        raise ValueError(f"The operations of {role} are no list.")
    for each in operations:
        if each not in (*OPERATIONS, ANY):
            raise ValueError(f"There is no operation {json.dumps(each)} to allow to {role}.")
    return frozenset(operations)
