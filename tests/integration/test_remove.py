"""A stack with data in moto, removed: by whom, where, how far, and again after any interruption."""

from collections.abc import Callable
from io import StringIO
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT

from local.config import StackError
from tests.fakes.aws_account import FakeAws
from tests.fakes.cloudformation import FormedAws
from tests.integration.conftest import REGION
from tools import remove, remove_data
from tools.aws import Aws
from tools.environment import Environment
from tools.remove import RefusedError, Wish, run
from tools.remove_data import DataItem, delete_bucket, delete_data

STACK = "scanhub-workflow-manager-dev"
DEV = Environment("dev", STACK, {})
DELETE = Wish(is_deleting_data=True, key_days=7)


class Account:
    """What there is."""

    def __init__(self) -> None:
        connect: Any = boto3.client
        self.aws = FormedAws()
        self.cloudformation = self.aws.cloudformation
        names = ("s3", "dynamodb", "kms", "logs")
        self.s3, self.dynamodb, self.kms, self.logs = map(connect, names)
        self.n_deployed = 0
        self.deploy()

    def deploy(self) -> None:
        self.n_deployed += 1
        self.bucket, self.table = f"lake-{self.n_deployed}", f"table-{self.n_deployed}"
        self.group = f"logs-{self.n_deployed}"
        here = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=here)
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        self.dynamodb.create_table(
            TableName=self.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
            DeletionProtectionEnabled=True,
        )
        self.logs.create_log_group(logGroupName=self.group)
        self.key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.stack = self.cloudformation.create(
            STACK,
            {
                "DataKey": ("AWS::KMS::Key", self.key),
                "StateTable": ("AWS::DynamoDB::Table", self.table),
                "EventQueue": ("AWS::SQS::Queue", "queue"),
                "DataLake": ("AWS::S3::Bucket", self.bucket),
                "FunctionLogs": ("AWS::Logs::LogGroup", self.group),
            },
        )

    @property
    def stacks(self) -> list[str]:
        found = self.cloudformation.stacks
        return [each.name for each in found if each.status != "DELETE_COMPLETE"]

    def count_data(self) -> int:
        """Return how many of bucket, table, log group and key are there."""
        buckets = [each["Name"] for each in self.s3.list_buckets()["Buckets"]]
        groups = [each["logGroupName"] for each in self.logs.describe_log_groups()["logGroups"]]
        states = [self.kms.describe_key(KeyId=self.key)["KeyMetadata"]["KeyState"]]
        return (
            (self.bucket in buckets)
            + len(self.dynamodb.list_tables()["TableNames"])
            + (self.group in groups)
            + (states == ["Enabled"])
        )

    def fill(self, n_objects: int) -> None:
        for number in range(n_objects):
            self.s3.put_object(Bucket=self.bucket, Key=f"upload/{number}", Body=b"1")
        self.s3.put_object(Bucket=self.bucket, Key="upload/0", Body=b"2")
        self.s3.delete_object(Bucket=self.bucket, Key="upload/1")
        self.s3.create_multipart_upload(Bucket=self.bucket, Key="upload/unfinished")
        self.dynamodb.put_item(TableName=self.table, Item={"PK": {"S": "1"}})


@pytest.fixture
def account() -> Account:
    return Account()


def remove_stack(account: Account, wish: Wish = Wish(), typed: str = STACK) -> None:  # noqa: B008
    run(DEV, account.aws, wish, lambda _: typed)


def test_data_is_kept_unless_told_otherwise(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.fill(2)
    remove_stack(account)
    assert not account.stacks
    assert account.count_data() == 4

    # And the user hears what stays, and where all this was
    said = capsys.readouterr().out
    assert all(f"Kept: {kind}" in said for kind in ("data lake", "table", "log group", "key"))
    assert f"account {ACCOUNT}, region {REGION}" in said
    assert "artefacts" in said


def test_data_is_deleted_if_it_is_wanted(account: Account) -> None:
    # With all versions, markers, unfinished uploads, and a table that is protected
    account.fill(5)
    remove_stack(account, DELETE)
    assert not account.stacks
    assert account.count_data() == 0
    key = account.kms.describe_key(KeyId=account.key)["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"


@pytest.mark.parametrize("typed", ["", "yes", "dev", f"{STACK}-prod"])
def test_wrong_word_changes_nothing(account: Account, typed: str) -> None:
    with pytest.raises(RefusedError):
        remove_stack(account, DELETE, typed)
    assert account.stacks == [STACK]
    assert account.count_data() == 4


def test_nobody_at_the_keyboard_changes_nothing(account: Account) -> None:
    def ask(_: str) -> str:
        raise EOFError

    with pytest.raises(RefusedError):
        run(DEV, account.aws, DELETE, ask)
    assert account.stacks == [STACK]


def test_question_names_account_and_region(account: Account) -> None:
    asked: list[str] = []
    with pytest.raises(RefusedError):
        run(DEV, account.aws, DELETE, lambda question: asked.append(question) or "")  # type: ignore[func-returns-value]
    assert ACCOUNT in asked[0]
    assert REGION in asked[0]


@pytest.mark.parametrize(
    ("place", "is_refused"),
    [
        (f"eu-central-1:{ACCOUNT}", False),
        ("eu-central-1:210987654321", True),
        (f"us-east-1:{ACCOUNT}", True),
        ("REGION:ACCOUNT", False),
    ],
)
def test_other_account_or_region_than_the_settings_is_refused(
    account: Account, place: str, is_refused: bool
) -> None:
    arn = f"arn:aws:secretsmanager:{place}:secret:scanhub-AbC123"
    environment = Environment("dev", STACK, {"ServiceAccountSecretArn": arn})
    try:
        run(environment, account.aws, Wish(), lambda _: STACK)
    except RefusedError as error:
        assert is_refused
        assert all(part in str(error) for part in place.split(":"))
        assert account.stacks == [STACK]
    else:
        assert not is_refused


def test_stack_that_is_nowhere_is_refused_with_the_place() -> None:
    with pytest.raises(RefusedError, match=f"account {ACCOUNT}, region {REGION}"):
        run(DEV, FormedAws(), DELETE, lambda _: STACK)


def test_protected_stack_is_refused(account: Account) -> None:
    account.stack.is_protected = True
    with pytest.raises(RefusedError, match="update-termination-protection"):
        remove_stack(account)


@pytest.mark.parametrize(
    ("status", "is_refused"),
    [
        ("CREATE_IN_PROGRESS", True),
        ("UPDATE_ROLLBACK_IN_PROGRESS", True),
        ("DELETE_IN_PROGRESS", False),
        ("REVIEW_IN_PROGRESS", False),
        ("ROLLBACK_COMPLETE", False),
        ("DELETE_FAILED", False),
    ],
)
def test_stack_that_is_being_changed_is_refused(
    account: Account, status: str, is_refused: bool
) -> None:
    account.stack.status = status
    try:
        remove_stack(account)
    except RefusedError as error:
        assert status in str(error)
    assert account.stacks == [STACK] * is_refused


def test_stack_that_cannot_be_deleted_whole_says_why(account: Account) -> None:
    # As a rule of another stack does, that was put onto our bus.
    account.stack.obstacles = {"EventQueue": "Event bus still has rules."}
    with pytest.raises(StackError, match=r"EventQueue: Event bus still has rules\."):
        remove_stack(account, DELETE)
    # And no data is deleted, until it is gone
    assert account.count_data() == 4
    account.stack.obstacles = {}
    remove_stack(account, DELETE)
    assert account.count_data() == 0


def test_resource_that_was_never_made_is_passed_over(account: Account) -> None:
    # As after a creation that failed and was rolled back
    account.stack.resources = {"StateTable": ("AWS::DynamoDB::Table", "")}
    account.stack.status = "ROLLBACK_COMPLETE"
    remove_stack(account, DELETE)
    assert not account.stacks


def break_once(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """Let a step do its work, and the machine die right after it."""
    step: Callable[..., Any] = getattr(module, name)

    def die(*arguments: Any) -> None:
        monkeypatch.setattr(module, name, step)
        step(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, name, die)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (remove, "delete_stack"),
        (remove_data, "_delete_page"),
        (remove_data, "_empty"),
        (remove_data, "delete_bucket"),
        (remove_data, "delete_table"),
        (remove_data, "delete_log_group"),
        (remove_data, "schedule_key"),
    ],
)
def test_same_call_goes_on_after_an_interruption(
    account: Account, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    account.fill(3)
    break_once(monkeypatch, module, name)
    with pytest.raises(KeyboardInterrupt):
        remove_stack(account, DELETE)

    remove_stack(account, DELETE)
    assert not account.stacks
    assert account.count_data() == 0

    # And once more is no fault
    remove_stack(account, DELETE)


def test_kept_data_can_be_deleted_later(account: Account) -> None:
    account.fill(2)
    remove_stack(account)
    remove_stack(account)
    assert account.count_data() == 4
    remove_stack(account, DELETE)
    assert account.count_data() == 0


def test_data_of_an_earlier_stack_is_left_alone_unless_it_is_named(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a stack that was removed, and another of its name
    first = account.stack.stack_id
    remove_stack(account)
    kept = account.bucket
    account.deploy()

    # When that is removed with its data, then the first one's is still there
    remove_stack(account, DELETE)
    assert [each["Name"] for each in account.s3.list_buckets()["Buckets"]] == [kept]

    # When that is asked for again, then the first one is told
    remove_stack(account)
    assert f"STACK_ID={first}" in capsys.readouterr().out

    # When the first one is named, then it goes
    remove_stack(account, Wish(is_deleting_data=True, stack_id=first))
    assert not account.s3.list_buckets()["Buckets"]


# --- step by step


def test_bucket_is_emptied_page_by_page(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remove_data, "_PAGE", {"PageSize": 2})
    account.fill(3)
    assert "5 versions" in delete_bucket(account.s3, account.bucket, ACCOUNT)
    assert len(capsys.readouterr().out.splitlines()) >= 3


@pytest.mark.parametrize(
    ("typed", "status", "said"), [(STACK, 0, "artefacts"), ("yes", 3, "nothing was changed")]
)
def test_exit_status_tells_how_it_ended(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    typed: str,
    status: int,
    said: str,
) -> None:
    monkeypatch.setattr(remove, "Aws", lambda region, profile: account.aws)
    monkeypatch.setattr("sys.stdin", StringIO(f"{typed}\n"))
    assert remove.main(["dev"]) == status
    captured = capfd.readouterr()
    assert said in captured.out + captured.err


@pytest.mark.parametrize("days", ["6", "31", "a week"])
def test_key_cannot_be_kept_shorter_or_longer_than_aws_does(days: str) -> None:
    with pytest.raises(SystemExit) as ended:
        remove.main(["dev", "--key-days", days])
    assert ended.value.code == 2


def test_caller_who_may_not_is_told_which_right_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(remove, "Aws", lambda region, profile: FakeAws())
    assert remove.main(["dev"]) == 1
    assert "you may not do cloudformation:DescribeStacks" in capsys.readouterr().err


def test_keys_that_xml_cannot_hold_are_deleted_one_by_one() -> None:
    class Store:
        deleted: list[str] = []  # noqa: RUF012 - of one test

        def delete_objects(self, **_: Any) -> None:
            error = {"Code": "MalformedXML", "Message": "The XML you provided was not well-formed"}
            raise ClientError({"Error": error}, "DeleteObjects")

        def delete_object(self, Key: str, **_: Any) -> None:  # noqa: N803 - boto3's
            self.deleted.append(Key)

    versions = [{"Key": "a\x01", "VersionId": "1"}, {"Key": "b", "VersionId": "2"}]
    remove_data._delete_page(Store(), {"Bucket": "lake"}, versions)
    assert Store.deleted == ["a\x01", "b"]


def test_object_that_cannot_be_deleted_ends_it_without_its_name() -> None:
    # S3 answers 200 and says of each object what went wrong.
    class Store:
        def delete_objects(self, **_: Any) -> dict[str, Any]:
            return {"Errors": [{"Key": "upload/a-name", "Code": "AccessDenied", "Message": "no"}]}

    with pytest.raises(StackError, match="1 versions in lake cannot be deleted: AccessDenied") as e:
        remove_data._delete_page(Store(), {"Bucket": "lake"}, [{"Key": "x", "VersionId": "1"}])
    assert "a-name" not in str(e.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("AWS::S3::Bucket", "no-such-bucket"),
        ("AWS::DynamoDB::Table", "no-such-table"),
        ("AWS::Logs::LogGroup", "no-such-group"),
        ("AWS::KMS::Key", "00000000-0000-0000-0000-000000000000"),
    ],
)
def test_what_is_gone_is_no_fault(kind: str, name: str) -> None:
    assert delete_data(Aws(), DataItem(kind, name), ACCOUNT, 7) == "already gone."
