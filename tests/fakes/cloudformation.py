"""CloudFormation in memory: stacks that end as AWS ends them, in moto's account.

moto's own needs packages that nothing else here does, and knows no DELETE_SKIPPED or DELETE_FAILED.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.waiter import NormalizedOperationMethod, Waiter, WaiterModel

from tools.aws import Aws

_KEPT = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup")
_BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass
class FakeStack:
    """A stack, and the resources that are known of it."""

    stack_id: str
    name: str
    resources: dict[str, tuple[str, str]]
    status: str = "CREATE_COMPLETE"
    is_protected: bool = False
    # Why a resource cannot be deleted, by its logical id.
    obstacles: dict[str, str] = field(default_factory=dict)
    deleted_at: datetime | None = None
    statuses: dict[str, str] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        return {
            "StackId": self.stack_id,
            "StackName": self.name,
            "StackStatus": self.status,
            "CreationTime": _BEGINNING,
            "EnableTerminationProtection": self.is_protected,
            **({"DeletionTime": self.deleted_at} if self.deleted_at else {}),
        }

    def delete(self, now: datetime) -> None:
        self.status = "DELETE_FAILED" if self.obstacles else "DELETE_COMPLETE"
        self.deleted_at = now
        for logical_id, (kind, _) in self.resources.items():
            end = "DELETE_SKIPPED" if kind in _KEPT else "DELETE_COMPLETE"
            self.statuses[logical_id] = "DELETE_FAILED" if logical_id in self.obstacles else end

    def list_resources(self) -> Iterator[dict[str, Any]]:
        for logical_id, (kind, name) in self.resources.items():
            reason = self.obstacles.get(logical_id)
            yield {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": name,
                "ResourceType": kind,
                "ResourceStatus": self.statuses.get(logical_id, "CREATE_COMPLETE"),
                **({"ResourceStatusReason": reason} if reason else {}),
            }


class FakeCloudFormation:
    """What is called of the client; pages are of one entry each."""

    def __init__(self) -> None:
        self.stacks: list[FakeStack] = []

    def create(self, name: str, resources: dict[str, tuple[str, str]]) -> FakeStack:
        number = len(self.stacks) + 1
        stack_id = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{name}/{number}"
        self.stacks.append(FakeStack(stack_id, name, resources))
        return self.stacks[-1]

    def find(self, name_or_id: str) -> FakeStack:
        for stack in self.stacks:
            # By its name, one that is deleted is not found.
            is_named = stack.name == name_or_id and stack.status != "DELETE_COMPLETE"
            if is_named or stack.stack_id == name_or_id:
                return stack
        message = f"Stack with id {name_or_id} does not exist"
        error = {"Code": "ValidationError", "Message": message, "Type": "Sender"}
        raise ClientError({"Error": error}, "DescribeStacks")

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return {"Stacks": [self.find(StackName).describe()]}

    def delete_stack(self, StackName: str) -> None:  # noqa: N803 - boto3's
        self.find(StackName).delete(_BEGINNING + timedelta(days=len(self.stacks)))

    def get_paginator(self, operation: str) -> "FakeCloudFormation":
        self._operation = operation
        return self

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        if self._operation == "list_stack_resources":
            resources = self.find(arguments["StackName"]).list_resources()
            return iter([{"StackResourceSummaries": [each]} for each in resources])
        wanted = arguments["StackStatusFilter"]
        found = [each.describe() for each in self.stacks if each.status in wanted]
        return iter([{"StackSummaries": [each]} for each in found])

    def get_waiter(self, name: str) -> Waiter:
        # botocore's own, on our answers.
        config = boto3.client("cloudformation")._get_waiter_config()
        real_name = "".join(part.title() for part in name.split("_"))
        ask: Callable[..., Any] = NormalizedOperationMethod(self.describe_stacks)
        return Waiter(real_name, WaiterModel(config).get_waiter(real_name), ask)


class FormedAws(Aws):
    """moto's account, but for CloudFormation."""

    def __init__(self) -> None:
        super().__init__()
        self.cloudformation = FakeCloudFormation()

    def connect(self, service: str) -> Any:
        return self.cloudformation if service == "cloudformation" else super().connect(service)
