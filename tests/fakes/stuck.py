"""One item that kills, holds up or spoils every turn of the reconciler, and others behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.contracts.samples import make_run, make_task, make_workflow
from tests.fakes.faults import Crash, FaultyPart
from tests.fakes.ports import MemoryPorts, call
from tests.fakes.world import DAG_ID, NOW, at, make_exam_task, make_world
from workflow_manager.domain.dag_run import DagRunState
from workflow_manager.domain.entity import Entity
from workflow_manager.domain.errors import (
    ScanHubError,
    StoreUnavailableError,
    UpstreamError,
    UpstreamRefusedError,
    UpstreamTimeoutError,
)
from workflow_manager.domain.exam import ItemStatus, TaskType
from workflow_manager.domain.orchestrator_run import OrchestratorRunState
from workflow_manager.domain.task import Task, TaskStatus
from workflow_manager.services.reconcile_runs import reconcile_runs

# Lambda ends the function by then.
TIMEOUT = timedelta(seconds=50)
DAY = timedelta(days=1)
PARTS = ("store", "lake", "queue", "orchestrator", "exam", "scan")


def _put_run(world: MemoryPorts, name: str, **changes: object) -> None:
    times = {"created_at": NOW - DAY, "started_at": NOW - DAY, "deadline": NOW + DAY}
    run = make_run(name, **times, n_start_attempts=1, dag_id=DAG_ID, bucket="data-lake")
    world.store.commit([run.evolve(**changes)])
    world.orchestrator.trigger_dag_run(DAG_ID, name, {})


def _put_task(world: MemoryPorts, name: str, **changes: object) -> None:
    fields = {"workflow_id": f"workflow-{name}", "deadline": NOW + DAY, "attempt": 1}
    task = make_task(name, **fields, updated_at=NOW - DAY).evolve(**changes)
    world.store.commit([make_workflow(task.workflow_id), task])
    kind = TaskType.DEVICE_TASK_SDK
    world.exam.tasks[name] = make_exam_task(name, kind, 1, workflow_id=task.workflow_id)


def pending_run(world: MemoryPorts, name: str, due: datetime) -> None:
    _put_run(world, name, state=DagRunState.PENDING, next_attempt_at=due, started_at=None)
    # Its start was refused.
    del world.orchestrator.dag_runs[DAG_ID, name]


def overdue_run(world: MemoryPorts, name: str, due: datetime) -> None:
    _put_run(world, name, state=DagRunState.RUNNING, deadline=due)


def run_to_stop(world: MemoryPorts, name: str, due: datetime) -> None:
    ended = {"state": DagRunState.CANCELLED, "finished_at": NOW - DAY / 24}
    _put_run(world, name, stop_due_at=due, **ended)


def lost_callback(world: MemoryPorts, name: str, due: datetime) -> None:
    # The index has what is active by its deadline, which is to come.
    _put_run(world, name, state=DagRunState.RUNNING, deadline=due + 2 * DAY)
    world.lake.put(f"result/{name}/image.dcm", b"1", "")
    world.orchestrator.finish(DAG_ID, name, OrchestratorRunState.SUCCESS, NOW - DAY / 24)


def overdue_scan(world: MemoryPorts, name: str, due: datetime) -> None:
    _put_task(world, name, status=TaskStatus.IN_PROGRESS, deadline=due)


def unconfirmed_scan(world: MemoryPorts, name: str, due: datetime) -> None:
    _put_task(world, name, status=TaskStatus.IN_PROGRESS, start_lease_until=due)


def ended_scan(world: MemoryPorts, name: str, due: datetime) -> None:
    """Put a scan that device-manager says has ended, whose data nobody takes."""
    _put_task(world, name, status=TaskStatus.IN_PROGRESS, deadline=due + 2 * DAY)
    world.exam.tasks[name] = world.exam.tasks[name].model_copy(
        update={"status": ItemStatus.FINISHED}
    )


def lost_scan(world: MemoryPorts, name: str, due: datetime) -> None:
    """Put a scan that has gone on before, and whose device reports an error."""
    device_id = f"device-of-{name}"
    begun = {"args": {"device_id": device_id}, "progress": 50, "deadline": due + 2 * DAY}
    _put_task(world, name, status=TaskStatus.IN_PROGRESS, **begun)
    world.exam.tasks[name] = world.exam.tasks[name].model_copy(update={"progress": 50})
    world.scan.device_statuses[device_id] = "error"


def ended_scan_goes_on(world: MemoryPorts, name: str, due: datetime) -> None:
    """Put a scan that was cancelled and that device-manager says has ended since."""
    times = {"deadline": due + 2 * DAY, "watched_until": due + 2 * DAY}
    _put_task(world, name, status=TaskStatus.CANCELLED, **times)
    world.exam.tasks[name] = world.exam.tasks[name].model_copy(
        update={"status": ItemStatus.FINISHED}
    )


def due_report(world: MemoryPorts, name: str, due: datetime) -> None:
    told = {"is_mirror_due": True, "report_retry_at": due}
    _put_task(world, name, status=TaskStatus.COMPLETED, **told)


KINDS: Mapping[str, Callable[[MemoryPorts, str, datetime], None]] = {
    put.__name__: put
    for put in (
        pending_run,
        overdue_run,
        run_to_stop,
        lost_callback,
        overdue_scan,
        unconfirmed_scan,
        ended_scan,
        lost_scan,
        ended_scan_goes_on,
        due_report,
    )
}


def is_served(world: MemoryPorts, kind: str, name: str) -> bool:
    """Tell whether the reconciler has done what an item is due for."""
    if kind == "pending_run":
        return name in world.queue.dag_run_ids
    if kind == "due_report":
        return any(report.task_id == name for report in world.exam.reports)
    if run := world.store.get_dag_run(name):
        return run.stopped_at is not None if kind == "run_to_stop" else run.state.is_final
    task = world.store.get_task(f"workflow-{name}", name)
    if kind == "ended_scan_goes_on":
        return task is not None and task.watched_until is None
    return task is not None and task.status is not TaskStatus.IN_PROGRESS


@dataclass
class Stuck:
    """What happens whenever somebody touches the one item.

    Attributes
    ----------
    operation
        The call that goes wrong, ``part.operation``; None: all goes well.
    seen
        The calls that have named the item.
    """

    name: str
    operation: str | None = None
    fault: str = ""
    now: datetime = NOW
    seen: set[str] = field(default_factory=set)
    begun: datetime = NOW
    is_dead: bool = False

    def call(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry a call out, or not."""
        if self.is_dead or self.now - self.begun > TIMEOUT:
            self._die()
        if self.name not in repr(args):
            return operation(*args, **kwargs)
        self.seen.add(name)
        if name == self.operation:
            self._go_wrong(name)
        return operation(*args, **kwargs)

    def _go_wrong(self, name: str) -> None:
        if self.fault == "kills":
            self._die()
        seconds = {"hangs": 14, "hangs for a minute": 60, "is slow": 8, "uses up the turn": 34}
        self.now += timedelta(seconds=seconds.get(self.fault, 0))
        if self.fault != "is slow":
            raise _error_of(name.partition(".")[0], self.fault)

    def _die(self) -> None:
        # Whoever is dead calls nobody any more.
        self.is_dead = True
        raise Crash


FAULTS = (
    "kills",
    "hangs",
    "hangs for a minute",
    "uses up the turn",
    "is slow",
    "answers garbage",
    "refuses",
)


def _error_of(part: str, fault: str) -> ScanHubError:
    if part == "store":
        return StoreUnavailableError("The state table cannot be read.")
    if fault == "answers garbage":
        return UpstreamError("No JSON.")
    if fault == "refuses":
        return UpstreamRefusedError("It failed.", 500)
    return UpstreamTimeoutError("No answer.")


def make_unreadable(world: MemoryPorts, name: str) -> Entity:
    """Let an item be of a state that only another version knows."""
    entities = world.store._entities
    [key] = [key for key in entities if name in key.pk + key.sk and key.sk != "WORKFLOW"]
    found = entities[key]
    state = "status" if isinstance(found, Task) else "state"
    entities[key] = found.evolve(
        **{state: (TaskStatus if isinstance(found, Task) else DagRunState).UNKNOWN}
    )
    return entities[key]


def make_hospital(kind: str, *, is_first: bool = True, store: Any = None) -> MemoryPorts:
    """Return a world with an item called ``stuck`` before, or behind, a healthy one of each kind.

    Parameters
    ----------
    kind
        Of the one.
    is_first
        Whether it is more overdue than the others.
    store
        Where state is kept; None: in memory.
    """
    world = make_world()
    world.store = store or world.store
    KINDS[kind](world, "stuck", NOW - timedelta(seconds=3600 if is_first else 1))
    for n, (other, put) in enumerate(KINDS.items()):
        put(world, f"healthy-{other}", NOW - timedelta(seconds=600 + n))
    return world


def take_turns(world: MemoryPorts, stuck: Stuck, n_turns: int) -> None:
    """Let so many minutes pass."""
    faulty = {name: FaultyPart(name, getattr(world, name), stuck) for name in PARTS}  # type: ignore[arg-type]
    ports = MemoryPorts(settings=world.settings, clock=lambda: stuck.now, **faulty)  # type: ignore[arg-type]
    for minute in range(n_turns):
        cause = at(60 * minute, "reconcile_runs")
        stuck.begun = stuck.now = cause.at
        stuck.is_dead = False
        try:
            call(reconcile_runs, ports, cause)
        except (Crash, ScanHubError):
            continue


def list_unserved(world: MemoryPorts) -> list[str]:
    """Return the kinds of which the healthy item still waits."""
    return [kind for kind in KINDS if not is_served(world, kind, f"healthy-{kind}")]
