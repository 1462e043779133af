"""Whatever happens, in whatever order, and wherever a function dies: the invariants hold.

A random walk over the real use cases. What it ends in is healed by the clock, the reconciler and
redelivery alone, and by operators for scans.
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.fakes.engine import Engine, make_engine
from tests.fakes.faults import Fault, Kind, Mishap
from tests.fakes.healing import DAY_S, heal
from tests.fakes.invariants import (
    check_comments,
    check_devices,
    check_growth,
    check_orchestrator,
    check_state,
    check_words,
    is_kept,
)
from tests.fakes.living import SHAPES
from workflow_manager.domain.dag_run import object_dag_run_id
from workflow_manager.domain.errors import (
    ConflictError,
    ScanHubError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from workflow_manager.domain.exam import ItemStatus

# A longer, random search: ENGINE_EXAMPLES=3000 pytest tests/unit/test_engine.py
N_EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "0"))
N_STEPS = 40

# Drawn from lists, so that what is rare is as likely as what is usual.
Indices = st.sampled_from(range(12))
KINDS: list[Kind] = ["dies before", "dies after", "fails before", "fails after"]
OVERTAKERS = [
    "reconcile",
    "deliver_object",
    "deliver_start",
    "deliver_stale_start",
    "deliver_change",
    "call_back",
    "call_back_oddly",
    "cancel",
    "cancel_all",
    "trigger",
    "process",
    "scan_goes_on",
    "airflow_ends",
]
MISHAPS = [Mishap(n, kind) for n in range(5) for kind in KINDS]
MISHAPS += [Mishap(n, "is overtaken", each) for n in range(2) for each in OVERTAKERS]
Mishaps = st.sampled_from([*[None] * len(MISHAPS), *MISHAPS])
ERRORS: list[ScanHubError] = [
    UpstreamUnreachableError("away"),
    UpstreamTimeoutError("late"),
    UpstreamRefusedError("refused", 503),
]
OUTAGES = [
    "queue.send_start",
    "queue.send_simulation_step",
    "orchestrator.trigger_dag_run",
    "orchestrator.cancel_dag_run",
    "orchestrator.list_dag_runs",
    "orchestrator.has_dag_run",
    "exam.get_task",
    "exam.report_task",
    "exam.report_run",
    "exam.get_workflow",
    "scan.start",
    "scan.get_device",
]
# So that many walks begin in the midst of things.
PROLOGUE = [
    "put_dag_data",
    "deliver_object",
    "process",
    "put_raw",
    "deliver_object",
    "deliver_start",
    "deliver_start",
]
WithMishap = {"index": Indices, "mishap": Mishaps}


class EngineMachine(RuleBasedStateMachine):
    """One random walk."""

    engine: Engine

    @initialize(
        shapes=st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=2),
        is_simulated=st.sampled_from([False, False, True]),
        prologue=st.integers(0, len(PROLOGUE)),
    )
    def build(self, shapes: list[str], is_simulated: bool, prologue: int) -> None:
        self.engine = make_engine(*shapes, is_simulated=is_simulated)
        self.before: dict[Any, Any] = {}
        for step in PROLOGUE[:prologue]:
            getattr(self.engine, step)(0)

    def act(self, action: Callable[..., Any], mishap: Mishap | None, *args: object) -> None:
        self.engine.faults.arm(mishap)
        action(*args)

    # --- operators ---

    @rule(**WithMishap, auto_advance=st.sampled_from([None, None, True, False]))
    def process(self, index: int, mishap: Mishap | None, auto_advance: bool | None) -> None:
        self.act(self.engine.process, mishap, index, auto_advance)

    @rule(**WithMishap, call=st.sampled_from(["trigger", "retry", "cancel"]))
    def call_for_task(self, index: int, mishap: Mishap | None, call: str) -> None:
        self.act(getattr(self.engine, call), mishap, index)

    @rule(
        **WithMishap,
        call=st.sampled_from(["cancel_all", "cancel_run", "retry_all", "retry_run", "retry_run"]),
    )
    def cancel_or_retry(self, index: int, mishap: Mishap | None, call: str) -> None:
        self.act(getattr(self.engine, call), mishap, index)

    @rule(**WithMishap)
    def plan_upload(self, index: int, mishap: Mishap | None) -> None:
        self.act(self.engine.plan_upload, mishap, index)

    # --- S3 and the queues ---

    @rule(index=Indices, put=st.sampled_from(["put_planned", "put_raw", "put_dag_data"]))
    def put(self, index: int, put: str) -> None:
        getattr(self.engine, put)(index)

    @precondition(lambda self: self.engine.inbox or self.engine.delivered)
    @rule(**WithMishap, again=st.booleans())
    def deliver_object(self, index: int, mishap: Mishap | None, again: bool) -> None:
        deliver = self.engine.deliver_object_again if again else self.engine.deliver_object
        self.act(deliver, mishap, index)

    @precondition(lambda self: self.engine.read().runs)
    @rule(**WithMishap, call=st.sampled_from(["deliver_start", "deliver_stale_start"]))
    def deliver_start(self, index: int, mishap: Mishap | None, call: str) -> None:
        self.act(getattr(self.engine, call), mishap, index)

    @precondition(lambda self: self.engine.real.queue.changes)
    @rule(**WithMishap)
    def deliver_change(self, index: int, mishap: Mishap | None) -> None:
        self.act(self.engine.deliver_change, mishap, index)

    @precondition(lambda self: self.engine.real.queue.simulation_steps)
    @rule(**WithMishap)
    def deliver_step(self, index: int, mishap: Mishap | None) -> None:
        self.act(self.engine.deliver_step, mishap, index)

    # --- Airflow ---

    @precondition(lambda self: self.engine.airflow.tokens)
    @rule(**WithMishap, call=st.sampled_from(["call_back", "call_back_oddly"]))
    def call_back(self, index: int, mishap: Mishap | None, call: str) -> None:
        self.act(getattr(self.engine, call), mishap, index)

    @precondition(lambda self: self.engine.airflow.live)
    @rule(index=Indices, is_success=st.booleans(), is_told=st.booleans())
    def airflow_ends(self, index: int, is_success: bool, is_told: bool) -> None:
        self.engine.airflow_ends(index, is_success, is_told)

    @precondition(lambda self: self.engine.airflow.live)
    @rule(index=Indices, event=st.sampled_from(["airflow_runs", "airflow_runs", "airflow_loses"]))
    def airflow_goes_on(self, index: int, event: str) -> None:
        getattr(self.engine, event)(index)

    # --- scanners, exam-manager, weather, time ---

    @precondition(lambda self: self.engine.scanner.running)
    @rule(index=Indices, progress=st.sampled_from([5, 60, 100]))
    def scan_goes_on(self, index: int, progress: int) -> None:
        self.engine.scan_goes_on(index, progress)

    @precondition(lambda self: self.engine.scanner.running)
    @rule(index=Indices, word=st.sampled_from(["scanning", "disconnected", "ready", "error"]))
    def device_says(self, index: int, word: str) -> None:
        self.engine.device_says(index, word)

    @precondition(lambda self: self.engine.scans)
    @rule(index=Indices, status=st.sampled_from(list(ItemStatus)))
    def console(self, index: int, status: ItemStatus) -> None:
        # Rarely, or no scan would be left to start.
        if index < 2:
            self.engine.console(index, status)

    @rule(index=Indices, place=st.sampled_from([0, 0.3, 0.5, 0.9, 1]))
    def comment(self, index: int, place: float) -> None:
        self.engine.comment(index, place)

    @rule(
        names=st.lists(st.sampled_from(OUTAGES), min_size=1, max_size=3),
        is_over=st.booleans(),
        error=st.sampled_from(ERRORS),
        has_effect=st.booleans(),
        is_conflict=st.booleans(),
    )
    def weather(
        self,
        names: list[str],
        is_over: bool,
        error: ScanHubError,
        has_effect: bool,
        is_conflict: bool,
    ) -> None:
        if is_over:
            self.engine.faults.weather.clear()
            return
        # Only an answer that never came leaves open what happened.
        fault = Fault(error, has_effect and isinstance(error, UpstreamTimeoutError))
        self.engine.faults.weather = dict.fromkeys(names, fault)
        if is_conflict and "orchestrator.trigger_dag_run" in names:
            conflict = Fault(ConflictError("Airflow says that such a DAG run exists."))
            self.engine.faults.weather["orchestrator.trigger_dag_run"] = conflict

    @rule(
        seconds=st.sampled_from([0.001, 1, 31, 61, 100, 301, 7201, DAY_S]),
        skew_s=st.sampled_from([0, 0, -2, 2]),
    )
    def wait(self, seconds: float, skew_s: float) -> None:
        self.engine.wait(seconds)
        self.engine.skew_s = skew_s

    @rule(mishap=Mishaps)
    def reconcile(self, mishap: Mishap | None) -> None:
        self.act(self.engine.reconcile, mishap)

    # --- what holds ---

    @invariant()
    def state_is_sound(self) -> None:
        state = self.engine.read()
        check_state(state)
        check_growth(self.before, state.entities)
        check_orchestrator(state, self.engine.airflow.dag_runs)
        check_devices(state, self.engine.real.exam.tasks)
        check_comments(self.engine.typed, self.engine.real.exam.comments)
        self.before = dict(state.entities)
        for data in self.engine.delivered:
            assert is_kept(state, object_dag_run_id(data)), data

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            heal(self.engine)
            self.state_is_sound()
            check_words(self.engine.read(), self.engine.real.exam.comments, self.engine.refused)


def make_profile() -> settings:
    common = {
        "stateful_step_count": N_STEPS,
        "deadline": None,
        "database": None,
        "report_multiple_bugs": False,
        "suppress_health_check": list(HealthCheck),
    }
    if N_EXAMPLES:
        return settings(max_examples=N_EXAMPLES, **common)
    return settings(max_examples=150, derandomize=True, **common)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow_manager.steps.retry_on_conflict.FIRST_PAUSE_S", 0)


EngineMachine.TestCase.settings = make_profile()


@pytest.mark.usefixtures("no_pause")
class TestEngine(EngineMachine.TestCase):
    """The walk, as pytest finds it."""
