"""A stack that is to be removed, and the data that outlives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tools.aws import Aws
from tools.checks.stack import find_stack
from tools.remove_data import KINDS, DataItem


class RefusedError(Exception):
    """It is not the stack that was meant, or must not be removed now; nothing was changed."""


@dataclass(frozen=True)
class Removal:
    """A stack that is to be removed, or only its data.

    Parameters
    ----------
    is_there
        Whether the stack itself still exists; else only its data may.
    items
        The data that outlives it, in the order in which it can be deleted.
    earlier
        Ids of stacks of that name that were removed before it.
    """

    stack_name: str
    stack_id: str
    is_there: bool
    items: tuple[DataItem, ...]
    earlier: tuple[str, ...] = ()


def find(aws: Aws, stack_name: str, stack_id: str | None = None) -> Removal | None:
    """Return a stack and its data, even if it is deleted already; None if nothing is known of it.

    Raises
    ------
    RefusedError
        It must not be removed now.
    """
    client = aws.connect("cloudformation")
    stack = find_stack(aws, stack_id or stack_name)
    earlier: list[str] = []
    if stack is None and stack_id is None and (deleted := _list_deleted(client, stack_name)):
        last, *earlier = deleted
        stack = find_stack(aws, last)
    if stack is None:
        return None
    if stack["StackName"] != stack_name:
        raise RefusedError(f"{stack_id} is the stack {stack['StackName']}, not {stack_name}.")
    status = str(stack["StackStatus"])
    if status.endswith("_IN_PROGRESS") and status not in {
        "DELETE_IN_PROGRESS",
        "REVIEW_IN_PROGRESS",
    }:
        raise RefusedError(f"{stack_name} is {status}: wait until it has ended.")
    if stack.get("EnableTerminationProtection"):
        raise RefusedError(
            f"{stack_name} is protected: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {stack_name}"
        )
    items = _list_items(client, stack["StackId"])
    return Removal(stack_name, stack["StackId"], status != "DELETE_COMPLETE", items, tuple(earlier))


def _list_deleted(client: Any, stack_name: str) -> list[str]:
    """Return the ids of stacks that were deleted in the last 90 days, newest first."""
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    found = [
        each for page in pages for each in page["StackSummaries"] if each["StackName"] == stack_name
    ]
    found.sort(key=lambda each: each.get("DeletionTime", each["CreationTime"]), reverse=True)
    return [str(each["StackId"]) for each in found]


def _list_items(client: Any, stack_id: str) -> tuple[DataItem, ...]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    items = [
        DataItem(each["ResourceType"], each["PhysicalResourceId"])
        for page in pages
        for each in page["StackResourceSummaries"]
        # A resource without a name was never made; one with DELETE_SKIPPED has outlived its stack.
        if each["ResourceType"] in KINDS
        and each.get("PhysicalResourceId")
        and each["ResourceStatus"] != "DELETE_COMPLETE"
    ]
    return tuple(sorted(items, key=lambda each: list(KINDS).index(each.kind)))
