"""A client that waits as told, beside one that waits 1 s after each change, then twice that."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean

import pytest

from workflow_manager.domain.pause import MAX_PAUSE_S, choose_pause_s, expect_end
from workflow_manager.http.etags import LIVE_LIFETIME_S

BEGUN_AT = datetime(2026, 11, 29, tzinfo=UTC)
N_TIMELINES = 150


@dataclass(frozen=True)
class Step:
    """A step: its end [s], and when it told which progress [s, %], which is looked at so often."""

    end_s: float
    told: tuple[tuple[float, int], ...]
    period_s: float


@dataclass(frozen=True)
class Heard:
    """How late a client has heard of an end [s], and how often it has asked."""

    delay_s: float
    n_asked: int


def at(seconds: float) -> datetime:
    return BEGUN_AT + timedelta(seconds=seconds)


def make_step(kind: str, rng: random.Random) -> Step:
    length_s, every_s = rng.uniform(20, 900), rng.uniform(5, 10)
    # Not each percent takes as long as the one before.
    bend = rng.uniform(0.8, 1.25)
    stalls_at_s, stalled_s = length_s, 0.0
    if "stalls" in kind:
        stalls_at_s, stalled_s = rng.uniform(0.2, 0.9) * length_s, rng.uniform(0.3, 1) * length_s
    end_s = length_s + stalled_s
    told, time_s = [], rng.uniform(0, every_s)
    while time_s < end_s:
        worked_s = min(time_s, max(stalls_at_s, time_s - stalled_s))
        percent = int(100 * (worked_s / length_s) ** bend)
        if "silent" not in kind and (not told or told[-1][1] != percent):
            told.append((time_s, percent))
        time_s += every_s
    if "fails" in kind:
        end_s = rng.uniform(1, end_s)
    return Step(end_s, tuple(each for each in told if each[0] < end_s), 15 * ("scan" in kind))


def watch(step: Step, choose_s: Callable[[float, float, tuple[float, int] | None], float]) -> Heard:
    """Ask until the end; the rule is told the time, the last wait, and the progress it has seen."""
    time_s, wait_s, n_asked = 0.0, 0.5, 0
    seen: tuple[float, int] | None = None
    while time_s < step.end_s:
        wait_s = choose_s(time_s, wait_s, seen)
        looked_s, time_s, n_asked = time_s, time_s + wait_s, n_asked + 1
        shown = [each for each in step.told if each[0] <= time_s]
        if not step.period_s or looked_s // step.period_s < time_s // step.period_s:
            # Nobody notes when a scan told its progress: it counts as told now.
            now = (time_s, shown[-1][1]) if shown and step.period_s else None
            latest = now or (shown[-1] if shown else None)
            is_new = latest is not None and (seen is None or seen[1] != latest[1])
            wait_s, seen = (0.5, latest) if is_new else (wait_s, seen)
    return Heard(time_s - step.end_s, n_asked)


def wait_as_before(_: float, wait_s: float, __: object) -> float:
    return min(2 * wait_s, MAX_PAUSE_S)


def wait_as_told(time_s: float, _: float, seen: tuple[float, int] | None) -> float:
    ends_at = expect_end(BEGUN_AT, seen[1], at(seen[0])) if seen else None
    return choose_pause_s(BEGUN_AT, ends_at, at(time_s))


def watch_all(kind: str) -> Iterator[tuple[Heard, Heard]]:
    rng = random.Random(kind)  # noqa: S311 - timelines, no secrets
    for _ in range(N_TIMELINES):
        step = make_step(kind, rng)
        yield watch(step, wait_as_before), watch(step, wait_as_told)


def sum_up(heard: list[Heard]) -> tuple[float, float, float]:
    delays_s = [each.delay_s for each in heard]
    return mean(delays_s), max(delays_s), mean(each.n_asked for each in heard)


@pytest.mark.parametrize("kind", ["scan", "DAG", "DAG that stalls", "scan that stalls"])
def test_end_that_comes_is_heard_sooner_than_before_and_asked_for_half_as_often(kind: str) -> None:
    before, now = (sum_up(list(heard)) for heard in zip(*watch_all(kind), strict=True))

    assert now[0] < before[0] and now[1] <= MAX_PAUSE_S
    assert now[2] < before[2] * (0.65 if "stalls" in kind else 0.5)


def test_end_of_what_tells_nothing_is_heard_as_before() -> None:
    before, now = (sum_up(list(heard)) for heard in zip(*watch_all("silent DAG"), strict=True))

    assert now == pytest.approx(before, rel=0.1)


@pytest.mark.parametrize("kind", ["scan that fails", "DAG that fails", "silent DAG that fails"])
def test_failure_out_of_the_blue_is_heard_within_the_longest_pause(kind: str) -> None:
    before, now = (sum_up(list(heard)) for heard in zip(*watch_all(kind), strict=True))

    assert now[1] <= MAX_PAUSE_S
    # The price of asking less: it is nobody's to foresee.
    assert now[0] < before[0] + 3


def test_live_progress_is_looked_at_as_often_as_here() -> None:
    rng = random.Random(0)  # noqa: S311 - timelines, no secrets
    assert make_step("scan", rng).period_s == LIVE_LIFETIME_S


def test_nothing_is_expected_where_nothing_is_known() -> None:
    assert expect_end(None, 50, at(1)) is None
    assert expect_end(at(0), 50, None) is None
    assert expect_end(at(0), 0, at(1)) is None
    assert expect_end(at(0), 25, at(10)) == at(40)
