"""Airflow is away: nothing is lost, nothing is started twice, and the readiness check says so."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from local.stack import check_health, start_service, stop_service
from tests.e2e.alarms import list_ringing, read_metrics
from tests.e2e.laptop import Laptop, wait_until
from tests.e2e.watched import Watched, watch

# More turns than either alarm takes minutes; and a run that old rings.
N_TURNS = 6
WAITED = timedelta(minutes=11)
RINGING = {"AirflowUnhealthy", "RunsWaiting"}


@pytest.fixture(scope="module")
def _airflow_comes_back(laptop: Laptop) -> Iterator[None]:
    yield
    if not check_health(laptop.config)["airflow"]:
        start_service("airflow", laptop.config)


@pytest.fixture
def _airflow_is_down(laptop: Laptop, _airflow_comes_back: None) -> None:
    stop_service("airflow", laptop.config)


@pytest.fixture(scope="module")
def board(browser: Browser, laptop: Laptop) -> Iterator[Watched]:
    """Return the board of the console, open all the time."""
    with watch(browser, laptop) as watched:
        watched.log_in()
        watched.show()
        yield watched


@pytest.mark.usefixtures("board", "_airflow_is_down")
def test_check_readiness_names_airflow_while_it_is_down(laptop: Laptop) -> None:
    # Given an Airflow that is down
    def read() -> bool:
        # When the reconciler has taken a turn; another turn may keep ours out, hence again.
        laptop.reconcile()
        answer = laptop.anonymous.get("/health/readiness")
        # Then requests are still served, and the answer names what does not work
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        return bool(answer.json()["degraded"] == ["airflow"])

    wait_until(read, "readiness to name Airflow", timeout_s=20)


@pytest.mark.usefixtures("_airflow_is_down")
def test_console_says_that_airflow_is_away(board: Watched) -> None:
    # Given a page that was open before; then it says by itself what does not work
    expect(board.page.get_by_role("alert")).to_contain_text("airflow", ignore_case=True)


@pytest.mark.usefixtures("_airflow_is_down")
def test_trigger_airflow_starts_the_run_once_when_airflow_is_back(
    laptop: Laptop, small_kspace: bytes
) -> None:
    # Given an Airflow that is down when an object comes
    began_ms = int(time.time() * 1000)
    answer = laptop.upload_and_trigger(small_kspace).raise_for_status()
    run_id = answer.json()["data"]["dag_run_id"]
    wait_until(lambda: laptop.find_run(run_id), f"the event to create run {run_id}")
    laptop.wait_for_empty_queue()
    # Then the run waits, and its message is no poison
    waiting = laptop.find_run(run_id)
    assert waiting
    assert (waiting["state"], waiting["started_at"]) == ("PENDING", None)
    assert laptop.count_messages(laptop.stack.dlq_url) == 0

    # And after some turns, which are a minute each, alarms ring
    def hear() -> bool:
        laptop.make_older(run_id, WAITED)
        laptop.reconcile()
        return list_ringing(laptop, began_ms, is_turn_a_minute=True) >= RINGING

    wait_until(hear, "the alarms")
    # When Airflow is back, and the reconciler takes its turn
    start_service("airflow", laptop.config)
    laptop.let_retry_be_due(run_id)
    wait_until(
        lambda: laptop.reconcile() or _has_started(laptop, run_id),
        f"the reconciler to queue run {run_id} again",
    )
    # Then the run starts, once, and succeeds
    run = laptop.wait_for_run(run_id, "SUCCEEDED")
    key = laptop.read_run_item(run_id)["data"]["M"]["key"]["S"]
    (airflow_run,) = laptop.list_airflow_runs_of(key)
    assert airflow_run["dag_run_id"] == run["dag_run_id"]
    # And the readiness check knows that all is well again, and so do the alarms
    over_ms = int(time.time() * 1000)
    for _ in range(N_TURNS):
        laptop.reconcile()
    wait_until(lambda: has_told(laptop, over_ms), "the reconciler's metrics")
    assert list_ringing(laptop, over_ms, is_turn_a_minute=True) == set()
    answer = laptop.anonymous.get("/health/readiness")
    assert answer.json() == {"status": "ok", "degraded": []}


def test_console_goes_on_when_airflow_is_back(board: Watched) -> None:
    # Given that Airflow is back; then the page that was open all the time says nothing of it
    expect(board.page.get_by_role("heading", name="Under way")).to_be_visible()
    expect(board.page.get_by_role("alert")).to_have_count(0)


def _has_started(laptop: Laptop, run_id: str) -> bool:
    run = laptop.find_run(run_id)
    return bool(run and run["state"] != "PENDING")


def has_told(laptop: Laptop, since_ms: int) -> bool:
    samples = read_metrics(laptop, since_ms)
    return sum(sample.metric.name == "AirflowUnhealthy" for sample in samples) >= N_TURNS
