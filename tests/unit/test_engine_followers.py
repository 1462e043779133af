"""Airflow and exam-manager follow, with the reconciler alone, without it, and after any death."""

import random
from collections.abc import Callable
from typing import Literal

import pytest

from tests.fakes.engine import Engine, make_engine
from tests.fakes.faults import Fault, Mishap
from tests.fakes.invariants import check_state
from tests.fakes.living import SHAPES, Callout
from workflow_manager.domain.errors import DeviceStartError, UpstreamUnreachableError
from workflow_manager.domain.exam import ItemStatus
from workflow_manager.domain.task import TaskStatus
from workflow_manager.services.receive_results import Callback

Half = Literal["both", "follow_changes", "reconcile_runs"]
HALVES: list[Half] = ["both", "follow_changes", "reconcile_runs"]
# What an act brings about is over by then, before the next one finds it half done.
N_TURNS = 4


def deliver(engine: Engine, half: Half) -> None:
    """Hand over all messages but those of a function that is off."""
    lines: list[tuple[list[object], Callable[[int], None]]] = [
        (engine.inbox, engine.deliver_object),  # type: ignore[list-item]
        (engine.real.queue.dag_run_ids, engine.deliver_start),  # type: ignore[list-item]
        (engine.callouts, engine.call_back),  # type: ignore[list-item]
        (engine.real.queue.simulation_steps, engine.deliver_step),  # type: ignore[list-item]
    ]
    if half != "reconcile_runs":
        lines.append((engine.real.queue.changes, engine.deliver_change))  # type: ignore[arg-type]
    for messages, hand_over in lines:
        for _ in list(messages):
            hand_over(0)


def turn(engine: Engine, half: Half) -> None:
    deliver(engine, half)
    engine.wait(61)
    if half != "follow_changes":
        engine.reconcile()


def walk(seed: int, half: Half) -> Engine:
    """Let operators, scanner and Airflow do this and that, each of them in peace."""
    chance = random.Random(seed)  # noqa: S311 - a walk, no secret
    engine = make_engine(chance.choice(sorted(SHAPES)), chance.choice(sorted(SHAPES)))
    acts = [
        engine.process,
        engine.process,
        engine.trigger,
        engine.retry,
        engine.cancel,
        engine.cancel_run,
        engine.put_raw,
        engine.airflow_ends,
    ]
    for _ in range(15):
        chance.choice(acts)(chance.randrange(12))
        for _ in range(N_TURNS):
            turn(engine, half)
    return engine


def look(engine: Engine) -> dict[str, object]:
    """Return where everything stands, here, in exam-manager and in Airflow."""
    state = engine.read()
    check_state(state)
    return {
        "tasks": {task.task_id: (task.status, task.attempt) for task in state.tasks},
        "runs": {run.dag_run_id: run.state for run in state.runs},
        "stopped": {run.dag_run_id: run.stopped_at is not None for run in state.runs},
        "told": {task.id: (task.status, task.progress) for task in engine.exam_tasks},
        "results": sorted(map(str, engine.real.exam.results)),
        "in Airflow": engine.airflow.live,
    }


@pytest.mark.parametrize("seed", range(40))
def test_either_half_reaches_the_state_that_both_reach(seed: int) -> None:
    both, follower, reconciler = (look(walk(seed, half)) for half in HALVES)

    assert follower == both
    assert reconciler == both


def fail_first_scan(engine: Engine) -> None:
    engine.scanner.start_error = DeviceStartError("Not started: the device is offline.")
    engine.process(0)
    engine.scanner.start_error = None
    engine.scanner.running.clear()


def end_first_scan(engine: Engine) -> None:
    engine.process(0)
    engine.scan_goes_on(0)
    engine.put_raw(0)
    engine.deliver_object(0)


@pytest.mark.parametrize("is_delivered_again", [True, False])
@pytest.mark.parametrize("n", range(3))
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("begin", [fail_first_scan, end_first_scan])
@pytest.mark.parametrize("who", ["deliver_change", "reconcile"])
def test_start_while_an_earlier_report_dies_is_right_within_two_turns(
    who: str,
    begin: Callable[[Engine], None],
    when: Literal["before", "after"],
    n: int,
    is_delivered_again: bool,
) -> None:
    # Given the end of a scan that nobody has told exam-manager of
    engine = make_engine("one")
    begin(engine)
    if who == "reconcile":
        engine.real.queue.changes.clear()
        engine.wait(61)

    # When an operator starts the next one while it is told, and whoever tells it dies
    engine.faults.overtake = lambda _: engine.trigger(0) and None
    kind: Literal["is overtaken, dies before", "is overtaken, dies after"] = (
        "is overtaken, dies before" if when == "before" else "is overtaken, dies after"
    )
    engine.faults.arm(Mishap(n, kind))
    getattr(engine, who)(0)
    engine.faults.arm(None)
    if not is_delivered_again:
        engine.real.queue.changes.clear()
    for _ in range(2):
        turn(engine, "both")

    # Then a device that scans does not count as free or done
    task = engine.task("w0-scan")
    assert task is not None
    told = engine.real.exam.tasks["w0-scan"].status
    assert (task.status is TaskStatus.IN_PROGRESS) == bool(engine.scanner.running)
    if task.status is TaskStatus.IN_PROGRESS:
        assert told is ItemStatus.STARTED
    else:
        assert told is (ItemStatus.FINISHED if begin is end_first_scan else ItemStatus.NEW)


def test_exam_manager_that_is_away_wakes_nobody() -> None:
    # Given changes while exam-manager is away for ten minutes
    engine = make_engine("one")
    engine.process(0)
    engine.faults.weather["exam.report_task"] = Fault(UpstreamUnreachableError("away"))
    engine.put_raw(0)
    engine.deliver_object(0)
    n_messages = len(engine.real.queue.changes)

    for _ in range(10):
        turn(engine, "both")

    # Then each message was handled once, and nobody has sent another
    assert n_messages == 1
    assert engine.real.queue.changes == []
    engine.faults.weather.clear()
    turn(engine, "both")
    turn(engine, "both")
    assert engine.real.exam.tasks["w0-scan"].status is ItemStatus.FINISHED


@pytest.mark.parametrize("is_delivered_again", [True, False])
@pytest.mark.parametrize("n", range(6))
@pytest.mark.parametrize("when", ["before", "after"])
def test_report_that_dies_behind_a_newer_one_is_right_within_two_turns(
    when: Literal["before", "after"], n: int, is_delivered_again: bool
) -> None:
    # Given progress that exam-manager was not told of
    engine = make_engine("no scan")
    engine.process(0)
    engine.deliver_start(0)
    [token] = engine.airflow.tokens
    engine.callouts = [Callout(token, Callback(progress=each)) for each in (40, 60)]
    engine.call_back(0)
    engine.real.queue.changes.clear()
    engine.wait(61)

    # When the reconciler dies while it tells it, and somebody tells the next one meanwhile
    def go_on(_: str) -> None:
        engine.call_back(0)
        engine.deliver_change()

    engine.faults.overtake = go_on
    kind: Literal["is overtaken, dies before", "is overtaken, dies after"] = (
        "is overtaken, dies before" if when == "before" else "is overtaken, dies after"
    )
    engine.faults.arm(Mishap(n, kind))
    engine.reconcile()
    engine.faults.arm(None)
    if not is_delivered_again:
        engine.real.queue.changes.clear()
    while engine.callouts:
        engine.call_back(0)
    for _ in range(2):
        turn(engine, "both")

    # Then the newest stands there
    assert engine.real.exam.tasks["w0-free"].progress == 60
