"""What may go wrong between us and the outside world, put between a use case and its ports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from tests.fakes.ports import MemoryPorts
from workflow_manager.domain.errors import (
    ScanHubError,
    StoreUnavailableError,
    UpstreamTimeoutError,
)

# Everything that changes something outside; a crash between two reads looks like one before.
WRITES = frozenset(
    {
        "store.commit",
        "queue.send_start",
        "queue.send_simulation_step",
        "queue.send_reports",
        "queue.send_stops",
        "orchestrator.trigger_dag_run",
        "orchestrator.cancel_dag_run",
        "exam.report_task",
        "exam.report_run",
        "scan.start",
        "lake.create_multipart_upload",
    }
)
Kind = Literal[
    "dies before",
    "dies after",
    "fails before",
    "fails after",
    "is overtaken",
    "is overtaken, dies before",
    "is overtaken, dies after",
]


class Crash(BaseException):
    """The function died: no handler of the code sees it."""


@dataclass(frozen=True)
class Mishap:
    """What happens at the n-th write of one call, from 0.

    It dies, or the write fails, before or after it took place; or somebody else acts before it.
    """

    n: int
    kind: Kind
    overtaker: str = "reconcile"


@dataclass(frozen=True)
class Fault:
    """What every call of an operation raises; `has_effect` tells whether it took place."""

    error: ScanHubError
    has_effect: bool = False


@dataclass
class Faults:
    """The weather, and the mishap of the present call.

    Attributes
    ----------
    weather
        Faults that last, by ``part.operation``.
    overtake
        Carries out what comes between.
    """

    weather: dict[str, Fault] = field(default_factory=dict)
    mishap: Mishap | None = None
    overtake: Callable[[str], None] = lambda _: None
    n_writes: int = 0

    def arm(self, mishap: Mishap | None) -> None:
        """Begin a call."""
        self.mishap, self.n_writes = mishap, 0

    def call(self, name: str, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry an operation out, or not."""
        mishap = self._take(name)
        if mishap is not None and mishap.kind.startswith("is overtaken"):
            self.overtake(mishap.overtaker)
        if mishap is not None and mishap.kind.endswith("before"):
            raise _end(name, mishap)
        fault = self.weather.get(name)
        if fault is not None and not fault.has_effect:
            raise fault.error
        answer = operation(*args, **kwargs)
        if mishap is not None and mishap.kind.endswith("after"):
            raise _end(name, mishap)
        if fault is not None:
            raise fault.error
        return answer

    def _take(self, name: str) -> Mishap | None:
        if name not in WRITES:
            return None
        self.n_writes += 1
        if self.mishap is None or self.n_writes != self.mishap.n + 1:
            return None
        mishap, self.mishap = self.mishap, None
        return mishap


def _end(name: str, mishap: Mishap) -> BaseException:
    if "dies" in mishap.kind:
        return Crash(name)
    if name == "store.commit":
        return StoreUnavailableError("The state table cannot be written.")
    return UpstreamTimeoutError(f"{name} did not answer in time.")


class FaultyPart:
    """One part of the outside world, with what may go wrong before and behind it."""

    def __init__(self, name: str, part: object, faults: Faults) -> None:
        self._name, self._part, self._faults = name, part, faults

    def __getattr__(self, operation: str) -> Any:
        member = getattr(self._part, operation)
        if not callable(member):
            return member
        return partial(self._faults.call, f"{self._name}.{operation}", member)


def make_faulty(ports: MemoryPorts, faults: Faults) -> MemoryPorts:
    """Return ports to the same outside world that fail as `faults` says."""
    names = ("store", "lake", "queue", "orchestrator", "exam", "scan")
    parts: dict[str, Any] = {name: FaultyPart(name, getattr(ports, name), faults) for name in names}
    return MemoryPorts(
        settings=ports.settings, users=ports.users, clock=lambda: ports.clock(), **parts
    )
