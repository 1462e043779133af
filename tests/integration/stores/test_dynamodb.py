from datetime import datetime, timedelta
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.contracts.samples import (
    CAUSE,
    NOW,
    make_event,
    make_finished_run,
    make_rejected_object,
    make_run,
    make_task,
    make_upload,
    make_workflow,
)
from tests.contracts.store import StoreContract
from tests.integration.conftest import expire_items
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.errors import (
    InvalidInputError,
    StoreUnavailableError,
    VersionConflictError,
)
from workflow_manager.domain.listing import ListQuery, Page, encode_cursor, format_place
from workflow_manager.observability import metrics
from workflow_manager.ports import WorkflowStore
from workflow_manager.settings import Settings
from workflow_manager.stores.dynamodb import DynamoDBStore
from workflow_manager.stores.items import ItemKey, encode_entity, encode_event, encode_key
from workflow_manager.stores.list_mark import SETTLED_AFTER_S
from workflow_manager.stores.listing_index import MAX_N_QUERIES


@pytest.fixture
def store(dynamodb: Any, settings: Settings) -> DynamoDBStore:
    return DynamoDBStore(dynamodb, settings)


class TestDynamoDBStore(StoreContract):
    def expire(self, store: WorkflowStore, at: datetime) -> None:
        assert isinstance(store, DynamoDBStore)
        expire_items(store, at)


class StubClient:
    """A client of which each operation raises or returns what it is given, in turn."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            answer = self.answers[operation].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def client_error(code: str, **response: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}, **response}, "Operation")


def read_item(dynamodb: Any, settings: Settings, pk: str, sk: str) -> dict[str, Any]:
    key = encode_key(ItemKey(pk, sk))
    item: dict[str, Any] = dynamodb.get_item(TableName=settings.table_name, Key=key)["Item"]
    return item


def test_commit_keys_every_kind_of_item_as_designed(
    store: DynamoDBStore, dynamodb: Any, settings: Settings
) -> None:
    event, run_event = make_event(), make_event("dag_run:run-1")
    store.commit(
        [make_workflow(), make_task("task-1"), make_run(), make_upload()], [event, run_event]
    )
    store.commit([store.get_system_status().lease(30, CAUSE)])
    found = dynamodb.scan(TableName=settings.table_name)["Items"]
    assert {(item["PK"]["S"], item["SK"]["S"]) for item in found} == {
        ("WORKFLOW#workflow-1", "WORKFLOW"),
        ("WORKFLOW#workflow-1", "TASK#task-1"),
        ("WORKFLOW#workflow-1", f"EVENT#{event.event_id}"),
        ("DAGRUN#run-1", "DAGRUN"),
        ("DAGRUN#run-1", f"EVENT#{run_event.event_id}"),
        ("UPLOAD#upload-1", "UPLOAD"),
        ("SYSTEM", "STATUS"),
        ("SYSTEM", "LISTS"),
    }


def test_commit_indexes_active_items_only(
    store: DynamoDBStore, dynamodb: Any, settings: Settings
) -> None:
    store.commit([make_run("active", due_in_s=0), make_finished_run("final")])
    active = read_item(dynamodb, settings, "DAGRUN#active", "DAGRUN")
    assert (active["due"], active["due_at"]) == (
        {"S": "DUE"},
        {"S": "2026-11-23T12:00:00.123+00:00"},
    )
    assert "expires_at" not in active
    assert not {"due", "due_at"} & set(read_item(dynamodb, settings, "DAGRUN#final", "DAGRUN"))


def test_commit_lists_runs_and_workflows_by_their_month_for_good(
    store: DynamoDBStore, dynamodb: Any, settings: Settings
) -> None:
    store.commit([make_finished_run(), make_workflow(), make_task("task-1"), make_upload()])
    run = read_item(dynamodb, settings, "DAGRUN#run-1", "DAGRUN")
    workflow = read_item(dynamodb, settings, "WORKFLOW#workflow-1", "WORKFLOW")
    assert (run["listed"], run["listed_at"]) == (
        {"S": "DAGRUN#2026-11"},
        {"S": "2026-11-23T12:00:00.123456+00:00#run-1"},
    )
    assert workflow["listed"] == {"S": "WORKFLOW#2026-11"}
    store.commit([make_rejected_object()])
    rejected = read_item(dynamodb, settings, "REJECTED#rejected-1", "REJECTED")
    assert rejected["listed"] == {"S": "REJECTED#2026-11"}
    assert "listed" not in read_item(dynamodb, settings, "WORKFLOW#workflow-1", "TASK#task-1")


def test_commit_lets_uploads_events_and_final_runs_expire(
    store: DynamoDBStore, dynamodb: Any, settings: Settings
) -> None:
    event = make_event()
    store.commit([make_finished_run(), make_upload(), make_rejected_object()], [event])
    now_s = int(NOW.timestamp()) + 1
    expected = {
        ("DAGRUN#run-1", "DAGRUN"): now_s + settings.event_retention_s,
        ("WORKFLOW#workflow-1", f"EVENT#{event.event_id}"): now_s + settings.event_retention_s,
        ("REJECTED#rejected-1", "REJECTED"): now_s + settings.event_retention_s,
        ("UPLOAD#upload-1", "UPLOAD"): now_s + settings.upload_retention_s,
    }
    for (pk, sk), expires_at in expected.items():
        assert read_item(dynamodb, settings, pk, sk)["expires_at"] == {"N": str(expires_at)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 10**40])
def test_commit_keeps_numbers_that_the_table_has_none_for_as_text(
    store: DynamoDBStore, value: float
) -> None:
    run = make_finished_run()
    result = run.results[0].model_copy(update={"metadata": {"odd": value}})
    store.commit([run.evolve(results=(result,))])
    stored = store.get_dag_run("run-1")
    assert stored is not None
    assert stored.results[0].metadata == {"odd": str(value)}


def test_list_due_drops_index_entries_that_lag_behind(settings: Settings) -> None:
    # Given: an index that still lists a run which the table has as final
    lagging = {"PK": {"S": "DAGRUN#run-1"}, "SK": {"S": "DAGRUN"}}
    final = encode_entity(make_finished_run(version=1), settings)
    client = StubClient(
        query=[{"Items": [lagging]}],
        batch_get_item=[{"Responses": {settings.table_name: [final]}}],
    )
    # When, then
    assert list(DynamoDBStore(client, settings).list_due(NOW)) == []
    assert client.calls[1][1]["RequestItems"][settings.table_name]["ConsistentRead"] is True


def test_list_due_asks_again_for_unprocessed_keys_and_then_stops(settings: Settings) -> None:
    key = {"PK": {"S": "DAGRUN#run-1"}, "SK": {"S": "DAGRUN"}}
    left = {settings.table_name: {"Keys": [key], "ConsistentRead": True}}
    unread = {"Responses": {}, "UnprocessedKeys": left}
    client = StubClient(query=[{"Items": [key]}], batch_get_item=[unread] * 3)
    assert list(DynamoDBStore(client, settings).list_due(NOW + timedelta(hours=1))) == []
    assert [operation for operation, _ in client.calls] == ["query", *["batch_get_item"] * 3]


def listing_client(**answers: list[Any]) -> StubClient:
    """Return a client whose index lists one run, on its last page."""
    place = {"S": format_place(NOW, "run-1")}
    entry = {"PK": {"S": "DAGRUN#run-1"}, "SK": {"S": "DAGRUN"}, "listed_at": place}
    return StubClient(query=[{"Items": [entry]}], **answers)


def test_list_drops_index_entries_that_lag_behind(settings: Settings) -> None:
    # Given: an index that still lists as pending what the table has as final
    final = encode_entity(make_finished_run(version=1), settings)
    client = listing_client(batch_get_item=[{"Responses": {settings.table_name: [final]}}])
    query = ListQuery(since=NOW, until=NOW, limit=10, state=DagRunState.PENDING)
    # When, then
    assert DynamoDBStore(client, settings).list_dag_runs(query) == Page([], None)
    assert client.calls[1][1]["RequestItems"][settings.table_name]["ConsistentRead"] is True


def test_list_shows_a_broken_item_as_unknown_and_counts_it(settings: Settings, capsys: Any) -> None:
    metrics.clear_metrics()
    whole = encode_entity(make_run(), settings)
    broken = {name: value for name, value in whole.items() if name != "deadline"}
    client = listing_client(batch_get_item=[{"Responses": {settings.table_name: [broken]}}])
    query = ListQuery(since=NOW, until=NOW, limit=10)
    [found] = DynamoDBStore(client, settings).list_dag_runs(query).items
    assert (found.dag_run_id, found.state) == ("run-1", DagRunState.UNKNOWN)
    metrics.flush_metrics()
    assert '"Degraded":[1.0]' in capsys.readouterr().out


def test_list_fails_rather_than_to_leave_out_what_was_not_read(settings: Settings) -> None:
    left = {settings.table_name: {"Keys": [], "ConsistentRead": True}}
    client = listing_client(batch_get_item=[{"Responses": {}, "UnprocessedKeys": left}] * 3)
    query = ListQuery(since=NOW, until=NOW, limit=10)
    with pytest.raises(StoreUnavailableError):
        DynamoDBStore(client, settings).list_dag_runs(query)


def test_list_looks_at_a_bounded_number_of_entries(settings: Settings) -> None:
    # Given: pages of an index in which nothing passes the filter
    def make_page(n: int) -> dict[str, Any]:
        last = format_place(NOW - timedelta(days=n), "run")
        return {"Items": [], "LastEvaluatedKey": {"listed_at": {"S": last}}}

    client = StubClient(query=[make_page(n) for n in range(MAX_N_QUERIES + 1)])
    query = ListQuery(NOW - timedelta(days=366), NOW, limit=10, state=DagRunState.PENDING)
    # When
    page = DynamoDBStore(client, settings).list_dag_runs(query)
    # Then: an empty page tells where to go on
    assert len(client.calls) == MAX_N_QUERIES
    assert page.items == []
    assert page.next_cursor == encode_cursor(
        format_place(NOW - timedelta(days=MAX_N_QUERIES - 1), "run")
    )


def test_delete_removes_the_head_first_and_says_if_something_is_left(settings: Settings) -> None:
    keys = [encode_key(ItemKey("DAGRUN#run-1", sk)) for sk in ("EVENT#1", "DAGRUN")]
    left = {settings.table_name: [{"DeleteRequest": {"Key": keys[0]}}]}
    client = StubClient(
        query=[{"Items": keys}], batch_write_item=[{}, *[{"UnprocessedItems": left}] * 3]
    )
    with pytest.raises(StoreUnavailableError):
        DynamoDBStore(client, settings).delete_dag_run("run-1")
    [head] = client.calls[1][1]["RequestItems"][settings.table_name]
    assert head["DeleteRequest"]["Key"]["SK"] == {"S": "DAGRUN"}


@pytest.mark.parametrize(
    "error",
    [
        client_error("ResourceNotFoundException"),
        client_error("ProvisionedThroughputExceededException"),
        ReadTimeoutError(endpoint_url="https://dynamodb"),
    ],
)
def test_reads_raise_store_unavailable_when_the_table_fails(
    error: Exception, settings: Settings
) -> None:
    store = DynamoDBStore(StubClient(get_item=[error, error]), settings)
    with pytest.raises(StoreUnavailableError):
        store.get_system_status()
    with pytest.raises(StoreUnavailableError):
        store.get_dag_run("run-1")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (client_error("TransactionConflictException"), VersionConflictError),
        (client_error("ThrottlingException"), StoreUnavailableError),
        (client_error("ValidationException"), InvalidInputError),
        (client_error("SerializationException"), InvalidInputError),
    ],
)
def test_commit_maps_the_failure_of_a_single_write(
    error: Exception, expected: type[Exception], settings: Settings
) -> None:
    with pytest.raises(expected):
        DynamoDBStore(StubClient(put_item=[error]), settings).commit([make_task("task-1")])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ConditionalCheckFailed", VersionConflictError),
        # An item that is too large, among several.
        ("ValidationError", InvalidInputError),
        ("TransactionConflict", VersionConflictError),
        ("ThrottlingError", StoreUnavailableError),
    ],
)
def test_commit_maps_the_reason_of_a_cancelled_transaction(
    code: str, expected: type[Exception], settings: Settings
) -> None:
    reasons = [{"Code": "None"}, {"Code": code}]
    error = client_error("TransactionCanceledException", CancellationReasons=reasons)
    store = DynamoDBStore(StubClient(transact_write_items=[error]), settings)
    with pytest.raises(expected):
        store.commit([make_task("task-1")], [make_event()])


def test_query_goes_on_where_a_page_ended(settings: Settings) -> None:
    events = [encode_event(make_event(), settings) for _ in range(2)]
    place = {"PK": {"S": "x"}, "SK": {"S": "y"}}
    client = StubClient(
        query=[{"Items": events[:1], "LastEvaluatedKey": place}, {"Items": events[1:]}]
    )
    assert len(DynamoDBStore(client, settings).list_events("workflow:workflow-1")) == 2
    assert client.calls[1][1]["ExclusiveStartKey"] == place


def test_get_execution_reads_the_workflow_before_its_tasks(settings: Settings) -> None:
    # Tasks older than the workflow's version would let a join be missed.
    client = StubClient(get_item=[{}])
    assert DynamoDBStore(client, settings).get_execution("workflow-1") is None
    assert [operation for operation, _ in client.calls] == ["get_item"]
    assert client.calls[0][1]["ConsistentRead"] is True


def test_half_of_a_pair_of_surrogates_never_makes_an_item_unwritable(
    dynamodb_local: Any, settings: Settings
) -> None:
    store = DynamoDBStore(dynamodb_local, settings)
    run = make_run().evolve(reason="\ud800 is half")

    store.commit([run, make_workflow()], [make_event()])

    found = store.get_dag_run(run.dag_run_id)
    assert found is not None
    assert found.reason == "\ufffd is half"


def test_list_mark_tells_of_each_change_once_it_has_settled(
    dynamodb: Any, settings: Settings
) -> None:
    # Given a store by whose clock two things change
    now_s = [1000.0]
    marks = []

    def change(at_s: float, entity: Entity) -> None:
        now_s[0] = at_s
        # Each call of a function has a store of its own.
        store = DynamoDBStore(dynamodb, settings, lambda: now_s[0])
        store.commit([entity])
        at_once = store.read_list_mark()
        now_s[0] += SETTLED_AFTER_S
        marks.append((at_once, store.read_list_mark()))

    # When, then, for each kind of thing that is listed
    for n, entity in enumerate(
        [make_workflow(), make_run(), make_upload(), make_rejected_object(), make_run("run-2")]
    ):
        change(1000.0 + n, entity)
    assert [at_once for at_once, _ in marks] == [None] * 5
    assert len({settled for _, settled in marks} - {None}) == 5
    change(2000.0, make_task("task-1"))
    assert marks[-1] == (marks[-2][1], marks[-2][1])


def test_list_mark_is_none_before_the_first_change(store: DynamoDBStore) -> None:
    assert store.read_list_mark() is None


def test_one_call_marks_once_for_what_it_commits_at_once(settings: Settings) -> None:
    now_s = [1000.0]
    client = StubClient(put_item=[{}] * 5)
    store = DynamoDBStore(client, settings, lambda: now_s[0])

    for at_s in (1000.0, 1001.0, 1002.5):
        now_s[0] = at_s
        store.commit([make_run(str(at_s))])

    keys = [call["Item"]["SK"]["S"] for _, call in client.calls]
    # A mark is written beside what it announces.
    assert [*map(sorted, (keys[:2], keys[2:3], keys[3:]))] == [
        ["DAGRUN", "LISTS"],
        ["DAGRUN"],
        ["DAGRUN", "LISTS"],
    ]


@pytest.mark.parametrize("error", [client_error("ThrottlingException"), ValueError("unexpected")])
def test_mark_that_cannot_be_written_holds_up_no_change(
    settings: Settings, error: Exception
) -> None:
    def put_item(**request: Any) -> Any:
        written.append(request["Item"]["SK"]["S"])
        if written[-1] == "LISTS":
            raise error
        return {}

    written: list[str] = []

    DynamoDBStore(SimpleNamespace(put_item=put_item), settings).commit([make_run()])

    assert sorted(written) == ["DAGRUN", "LISTS"]


def test_change_that_fails_leaves_no_mark_under_way(settings: Settings) -> None:
    # Given a mark that is written only once the change has failed
    has_failed = Event()
    written: list[str] = []

    def put_item(**request: Any) -> Any:
        if request["Item"]["SK"]["S"] != "LISTS":
            has_failed.set()
            raise client_error("ConditionalCheckFailedException")
        assert has_failed.wait(10)
        written.append("LISTS")
        return {}

    # When
    with pytest.raises(VersionConflictError):
        DynamoDBStore(SimpleNamespace(put_item=put_item), settings).commit([make_run()])

    # Then
    assert written == ["LISTS"]
