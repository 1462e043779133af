"""What a 304 may say: each visible change alters the tag, on each route that shows it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.contracts.samples import make_rejected_object, make_upload
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import (
    NOW,
    RECONSTRUCTION_ID,
    SCAN_ARGS,
    SCAN_ID,
    TOKEN,
    WORKFLOW_ID,
    at,
    callback_token,
    deliver,
    deliver_queue,
    follow,
    get_task,
    make_raw_data,
    make_success,
)
from tests.unit.functions.conftest import Invoke, load_event, read_body
from workflow_manager.domain.dag_run import task_dag_run_id
from workflow_manager.domain.errors import UpstreamUnreachableError
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.http.etags import LIST_LIFETIME_S, LIVE_LIFETIME_S
from workflow_manager.services.cancel_dag_run import cancel_dag_run
from workflow_manager.services.process_workflow import process_workflow
from workflow_manager.services.receive_results import Callback, receive_results

RUN_ID = task_dag_run_id(RECONSTRUCTION_ID, 1)
PERIOD = {"from": "2026-11-01", "to": "2026-12-01"}
WORKFLOW, RUN = f"/workflows/{WORKFLOW_ID}/", f"/dag_runs/{RUN_ID}/"
ROUTES: dict[str, tuple[str, str, dict[str, str]]] = {
    "workflows": ("list_workflows", "/workflows/", PERIOD),
    "board": ("list_workflows", "/workflows/", PERIOD | {"include": "tasks"}),
    "scanner's": (
        "list_workflows",
        "/workflows/",
        PERIOD | {"device_id": SCAN_ARGS["device_id"]},
    ),
    "runs": ("list_dag_runs", "/dag_runs/", PERIOD),
    "its runs": ("list_dag_runs", "/dag_runs/", PERIOD | {"workflow_id": WORKFLOW_ID}),
    "workflow": ("get_workflow", WORKFLOW, {}),
    "events": ("list_workflow_events", f"{WORKFLOW}events/", {}),
    "run": ("get_dag_run", RUN, {"task_instances": "false"}),
    "results": ("list_results", f"{RUN}results/", {}),
}
LISTS = {"workflows", "board", "scanner's"}
OF_WORKFLOW = {"board", "scanner's", "workflow"}
OF_RUN = {"runs", "its runs", "run"}


def ask(invoke: Invoke, route: str, etag: str | None = None) -> dict[str, Any]:
    function, path, query = ROUTES[route]
    event = load_event(function, "success")
    headers = event["multiValueHeaders"] | ({"If-None-Match": [etag]} if etag else {})
    return dict(
        invoke(
            function,
            event
            | {
                "path": f"/v1/workflowmanager{path}",
                "pathParameters": None,
                "multiValueHeaders": headers,
                "queryStringParameters": query,
                "multiValueQueryStringParameters": {k: [v] for k, v in query.items()},
            },
        )
    )


def show(answer: dict[str, Any]) -> Any:
    # URLs of results end some time after each look.
    body = read_body(answer)
    return {name: value for name, value in body.items() if name != "expires_at"}


def process(world: MemoryPorts) -> None:
    call(process_workflow, world, WORKFLOW_ID, TOKEN, at(0))


def take_data(world: MemoryPorts) -> None:
    deliver(world, make_raw_data())


def wait_for_airflow(world: MemoryPorts) -> None:
    world.orchestrator.fail_with["trigger_dag_run"] = UpstreamUnreachableError("Airflow is away.")
    deliver_queue(world, 20)


def start(world: MemoryPorts) -> None:
    world.orchestrator.fail_with.clear()
    world.queue.dag_run_ids[:] = [RUN_ID]
    deliver_queue(world, 200)


def progress(world: MemoryPorts) -> None:
    call(receive_results, world, callback_token(world, RUN_ID), Callback(progress=40), at(210))


def succeed(world: MemoryPorts) -> None:
    world.lake.put(f"result/{RUN_ID}/image.dcm", b"1", "")
    call(receive_results, world, callback_token(world, RUN_ID), make_success(RUN_ID), at(220))


def cancel(world: MemoryPorts) -> None:
    call(cancel_dag_run, world, RUN_ID, at(220))


def stop(world: MemoryPorts) -> None:
    [key] = [key for key in world.orchestrator.dag_runs if key[1] == RUN_ID]
    world.orchestrator.finish(*key, OrchestratorRunState.FAILED)
    follow(world, 230)


Step = Callable[[MemoryPorts], None]
TO_THE_DATA: list[Step] = [process, take_data]
TO_THE_START: list[Step] = [*TO_THE_DATA, start]
# After what has been done before, a change, and the routes on which it shows.
CHANGES: list[tuple[list[Step], Step, set[str]]] = [
    ([], process, LISTS | {"workflow"}),
    ([process], take_data, LISTS | OF_WORKFLOW | {"events", "runs", "its runs"}),
    (TO_THE_DATA, wait_for_airflow, OF_WORKFLOW | OF_RUN),
    (TO_THE_DATA, start, OF_RUN | {"workflow", "events", "results"}),
    ([*TO_THE_DATA, wait_for_airflow], start, OF_WORKFLOW | OF_RUN | {"events", "results"}),
    (TO_THE_START, progress, OF_WORKFLOW | OF_RUN),
    (TO_THE_START, succeed, LISTS | OF_WORKFLOW | OF_RUN | {"events", "results"}),
    (TO_THE_START, cancel, LISTS | OF_WORKFLOW | OF_RUN | {"events", "results"}),
    ([*TO_THE_START, cancel], stop, OF_RUN),
]


@pytest.mark.parametrize(
    ("before", "change", "routes"),
    CHANGES,
    ids=lambda each: each.__name__ if callable(each) else str(len(each)),
)
def test_304_hides_no_change(
    invoke: Invoke, world: MemoryPorts, before: list[Step], change: Step, routes: set[str]
) -> None:
    for step in before:
        step(world)
    first = {route: ask(invoke, route) for route in ROUTES}
    there = {route: each for route, each in first.items() if each["statusCode"] == 200}
    tags = {route: each["headers"]["etag"] for route, each in there.items()}
    unchanged = {ask(invoke, route, tag)["statusCode"] for route, tag in tags.items()}
    change(world)
    fresh = {route: ask(invoke, route) for route in tags}
    again = {route: ask(invoke, route, tag) for route, tag in tags.items()}

    assert routes <= there.keys()
    assert unchanged == {304}
    assert {each for each in there if show(fresh[each]) != show(there[each])} == routes
    assert {each for each in routes if again[each]["statusCode"] != 200} == set()
    for route in routes:
        assert again[route]["headers"]["etag"] == fresh[route]["headers"]["etag"]


def test_tag_of_another_question_is_none(invoke: Invoke, world: MemoryPorts) -> None:
    process(world)
    tag = ask(invoke, "board")["headers"]["etag"]

    answers = [ask(invoke, route, tag)["statusCode"] for route in ROUTES if route[:3] != "run"]

    assert answers.count(304) == 1


def test_progress_of_a_scan_shows_a_quarter_of_a_minute_later(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.clock = lambda: NOW
    process(world)
    tag = ask(invoke, "workflow")["headers"]["etag"]
    world.exam.tasks[SCAN_ID] = world.exam.tasks[SCAN_ID].model_copy(update={"progress": 40})
    at_once = ask(invoke, "workflow", tag)

    world.clock = lambda: NOW + timedelta(seconds=LIVE_LIFETIME_S)
    later = ask(invoke, "workflow", tag)

    assert (at_once["statusCode"], later["statusCode"]) == (304, 200)
    assert read_body(later)["tasks"][0]["progress"] == 40


def test_change_that_was_not_marked_shows_in_a_list_a_minute_later(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.store, "read_list_mark", lambda: "always the same")
    world.clock = lambda: NOW
    tag = ask(invoke, "workflows")["headers"]["etag"]
    process(world)
    assert ask(invoke, "workflows", tag)["statusCode"] == 304

    world.clock = lambda: NOW + timedelta(seconds=LIST_LIFETIME_S)

    assert ask(invoke, "workflows", tag)["statusCode"] == 200


def test_304_comes_with_the_tag_that_saves_the_next_reads(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a list to which nothing has happened, and a change of something else
    process(world)
    first = ask(invoke, "board")["headers"]["etag"]
    world.store.commit([make_upload()])

    # When it is asked for twice, each time with the newest tag
    second = ask(invoke, "board", first)
    monkeypatch.setattr(world.store, "list_workflows", pytest.fail)
    third = ask(invoke, "board", second["headers"]["etag"])

    assert (second["statusCode"], third["statusCode"]) == (304, 304)
    assert first != second["headers"]["etag"] == third["headers"]["etag"]


def test_tag_without_a_mark_stands_for_what_is_shown(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.store, "read_list_mark", lambda: None)
    tag = ask(invoke, "board")["headers"]["etag"]

    assert ask(invoke, "board", tag)["statusCode"] == 304
    process(world)
    assert ask(invoke, "board", tag)["statusCode"] == 200


def test_urls_of_an_unchanged_list_of_results_are_good_for_a_while(
    invoke: Invoke, world: MemoryPorts
) -> None:
    world.clock = lambda: NOW
    for step in (*TO_THE_START, succeed):
        step(world)
    first = ask(invoke, "results")
    tag = first["headers"]["etag"]
    at_once = ask(invoke, "results", tag)

    world.clock = lambda: NOW + timedelta(seconds=LIST_LIFETIME_S)
    later = ask(invoke, "results", tag)

    assert (at_once["statusCode"], later["statusCode"]) == (304, 200)
    assert {each["headers"]["cache-control"] for each in (first, at_once, later)} == {"no-store"}


def test_tasks_in_airflow_are_asked_for_again_a_quarter_of_a_minute_later(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock = lambda: NOW
    for step in TO_THE_START:
        step(world)
    monkeypatch.setitem(ROUTES, "run", ("get_dag_run", RUN, {}))
    tag = ask(invoke, "run")["headers"]["etag"]
    at_once = ask(invoke, "run", tag)

    world.clock = lambda: NOW + timedelta(seconds=LIVE_LIFETIME_S)

    assert (at_once["statusCode"], ask(invoke, "run", tag)["statusCode"]) == (304, 200)


@pytest.mark.parametrize("function", ["list_uploads", "list_rejected_objects"])
def test_other_lists_are_recalled_by_the_mark_too(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    event = load_event(function, "success")
    tag = invoke(function, event)["headers"]["etag"]
    event["multiValueHeaders"] |= {"If-None-Match": [tag]}
    world.store.commit([make_rejected_object()])
    moved = invoke(function, event)
    event["multiValueHeaders"] |= {"If-None-Match": [moved["headers"]["etag"]]}
    monkeypatch.setattr(world.store, function, pytest.fail)

    assert moved["headers"]["etag"] != tag
    assert invoke(function, event)["statusCode"] == 304


def test_uploads_of_another_user_have_another_tag(invoke: Invoke) -> None:
    event = load_event("list_uploads", "success")
    tag = invoke("list_uploads", event)["headers"]["etag"]
    event["multiValueHeaders"] |= {"If-None-Match": [tag]}
    assert invoke("list_uploads", event)["statusCode"] == 304
    event["requestContext"]["authorizer"]["principalId"] = "ada"

    assert tag.partition(".")[2] not in invoke("list_uploads", event)["headers"]["etag"]


@pytest.mark.parametrize("route", ["workflows", "runs", "its runs", "events", "results"])
def test_unknown_parameter_of_a_list_is_refused_by_the_known_ones(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    for step in (*TO_THE_START, succeed):
        step(world)
    function, path, query = ROUTES[route]
    monkeypatch.setitem(ROUTES, route, (function, path, query | {"sate": "x", "é" * 100: "1"}))

    answer = ask(invoke, route)

    detail = read_body(answer)["detail"]
    assert answer["statusCode"] == 422
    assert "There is no query parameter 'sate', 'éé" in detail
    assert "cursor" in detail
    assert len(detail) < 300


def test_single_objects_stay_tolerant_of_parameters(
    invoke: Invoke, world: MemoryPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(world)
    monkeypatch.setitem(ROUTES, "workflow", ("get_workflow", WORKFLOW, {"sate": "x"}))
    assert get_task(world, SCAN_ID)
    assert ask(invoke, "workflow")["statusCode"] == 200
