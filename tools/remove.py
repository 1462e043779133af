"""Remove a deployed stack; keep its data unless told otherwise. Asks before.

    make remove TO=staging                    keeps table, data lake, logs and key
    make remove TO=staging DELETE_DATA=1      deletes them too, for good
    make remove TO=staging DELETE_DATA=1 STACK_ID=arn:…    what an earlier stack of that name left

Whatever interrupts it, the same call goes on. Exit status: 0 done; 1 AWS failed: what is removed
stays removed, call again; 2 wrong call; 3 refused: nothing was changed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from local.config import StackError
from tools.aws import Aws, explain
from tools.checks.account import name_caller
from tools.environment import Environment, read_environment
from tools.remains import RefusedError, Removal, find
from tools.remove_data import KINDS, delete_data

FAILED, REFUSED = 1, 3
# AWS takes up to 40 minutes to delete the network interfaces of functions in a VPC.
_WAIT = {"Delay": 10, "MaxAttempts": 360}
_ALWAYS_STAYS = """\
Not this stack's, and left alone: the secrets (each costs until it is deleted), a key of your own
(KmsKeyArn), API Gateway's log role, and sam's bucket of artefacts, which all SAM applications of
this region share. docs/deploy.md#what-stays says how to delete them."""


@dataclass(frozen=True)
class Wish:
    """What the user wants to be removed.

    Parameters
    ----------
    key_days
        How long the deletion of the key can be cancelled [days].
    stack_id
        The id of an earlier stack; None takes the one that exists, else the last one.
    """

    is_deleting_data: bool = False
    key_days: int = 30
    stack_id: str | None = None


def run(environment: Environment, aws: Aws, wish: Wish, ask: Callable[[str], str] = input) -> None:
    """Remove a stack, once the user has typed its name.

    Raises
    ------
    RefusedError
        Nothing was changed.
    """
    identity = aws.identify()
    place = f"account {identity['Account']}, region {aws.region}"
    print(f"{name_caller(identity['Arn'])} in {place}")
    check_place(environment, identity["Account"], aws.region)
    removal = find(aws, environment.stack_name, wish.stack_id)
    if removal is None:
        raise RefusedError(
            f"There is no stack {environment.stack_name} in {place}, nor was one removed there in "
            "the last 90 days. Is it the right account and region?"
        )
    show(removal, wish)
    if not removal.is_there and not wish.is_deleting_data:
        return
    confirm(removal.stack_name, place, ask)
    if removal.is_there:
        delete_stack(aws, removal)
    if wish.is_deleting_data:
        for item in removal.items:
            print(f"{item.name}: {delete_data(aws, item, identity['Account'], wish.key_days)}")
    say_what_stays(removal, wish)


def confirm(stack_name: str, place: str, ask: Callable[[str], str]) -> None:
    """Refuse to go on unless the user types the stack's name."""
    try:
        typed = ask(f"In {place}. Type the stack's name to go on: ").strip()
    except EOFError:
        typed = ""
    if typed != stack_name:
        raise RefusedError("That is not its name.")


def check_place(environment: Environment, account: str, region: str | None) -> None:
    """Refuse an account or region that differs from the environment's own settings."""
    for name in ("ServiceAccountSecretArn", "AirflowSecretArn", "KmsKeyArn"):
        parts = environment.overrides.get(name, "").split(":")
        if len(parts) < 6 or not parts[4].isdecimal():
            continue
        # The key may belong to another account.
        if parts[3] != region or (parts[4] != account and name != "KmsKeyArn"):
            raise RefusedError(
                f"{name} of {environment.name} is in account {parts[4]}, region {parts[3]}; you "
                f"are in account {account}, region {region}."
            )


def show(removal: Removal, wish: Wish) -> None:
    """Print what will go and what will stay."""
    if removal.is_there:
        print(f"Will be removed: the stack {removal.stack_id}, with its API and functions.")
    else:
        print(f"The stack is removed already: {removal.stack_id}")
    verb = "WILL BE DELETED FOR GOOD" if wish.is_deleting_data else "Kept"
    for item in removal.items:
        print(f"{verb}: {KINDS[item.kind]} {item.name}")
    for stack_id in removal.earlier:
        print(f"Left alone, with what it may have left: STACK_ID={stack_id}")


def delete_stack(aws: Aws, removal: Removal) -> None:
    """Delete the stack and wait until it is gone."""
    client = aws.connect("cloudformation")
    print("Removing the stack: minutes; in a VPC, up to an hour.", flush=True)
    client.delete_stack(StackName=removal.stack_id)
    try:
        client.get_waiter("stack_delete_complete").wait(
            StackName=removal.stack_id, WaiterConfig=_WAIT
        )
    except WaiterError as error:
        pages = client.get_paginator("list_stack_resources").paginate(StackName=removal.stack_id)
        reasons = [
            f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', 'no reason is given')}"
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] == "DELETE_FAILED"
        ]
        said = "; ".join(reasons) or str(error)
        raise StackError(f"The stack is not gone. {said}. Mend that and call again.") from None
    print("The stack is removed.")


def say_what_stays(removal: Removal, wish: Wish) -> None:
    """Print what is still there, and what it is good for."""
    if not wish.is_deleting_data:
        print("Its data is kept, and costs what it holds. To delete it, within 90 days: the same")
        print("call with DELETE_DATA=1.")
    else:
        print("Until the key is deleted: aws kms cancel-key-deletion. DynamoDB keeps a last backup")
        print("of the table for 35 days, which nobody can read once the key is deleted.")
    print(_ALWAYS_STAYS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.remove",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", help="of samconfig.toml")
    parser.add_argument("--delete-data", action="store_true", help="delete table, files, logs, key")
    parser.add_argument(
        "--key-days", type=int, choices=range(7, 31), default=30, metavar="7…30",
        help="how long the key can be had back; default: 30",
    )  # fmt: skip
    parser.add_argument("--stack-id", help="of an earlier stack of that name")
    options = parser.parse_args(arguments)
    wish = Wish(options.delete_data, options.key_days, options.stack_id or None)
    try:
        environment = read_environment(options.environment)
        run(environment, Aws(environment.region, environment.profile), wish)
    except RefusedError as error:
        print(f"Refused, and nothing was changed: {error}", file=sys.stderr)
        return REFUSED
    except StackError as error:
        print(error, file=sys.stderr)
        return FAILED
    except (BotoCoreError, ClientError) as error:
        print(f"Failed: {explain(error)}. Mend that and call again.", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nInterrupted: call again to go on.", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
