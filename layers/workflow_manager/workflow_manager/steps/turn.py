"""The time of one turn of the reconciler, and who has a share of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from workflow_manager.domain.dag_run import DagRun
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.task import Task
from workflow_manager.ports import Clock

# The function has 50 s: nothing is taken on later, so that a last request of 14 s still ends.
TURN_TIME = timedelta(seconds=34)
# Nothing that goes well takes so long.
SLOW = timedelta(seconds=5)
# The last turn began a minute ago, and put off by half a minute.
PUT_OFF_SINCE = timedelta(seconds=45)
GROUP_SIZE = 100

T = TypeVar("T")
DueT = TypeVar("DueT", bound=DagRun | Task)


@dataclass
class Turn:
    """One turn, in which no item may cost the others theirs.

    After a turn that something has killed or held up, the next one is careful, item by item, and
    each second of them begins at the other end: so whatever stands behind one that kills every turn
    has its own within two.

    Parameters
    ----------
    cause
        When it began.
    n_stumbles
        How many turns before this one, in a row, were killed or held up.
    has_stumbled
        Whether something has held up this one.
    granted
        The shares that were given so far.
    """

    clock: Clock
    cause: Cause
    n_stumbles: int = 0
    has_stumbled: bool = False
    granted: timedelta = timedelta(0)

    @property
    def is_careful(self) -> bool:
        """Whether the turn before was killed or held up."""
        return self.n_stumbles > 0

    def order(self, items: Iterable[T]) -> list[T]:
        """Return items in the order of this turn."""
        ordered = list(items)
        return ordered[::-1] if self.n_stumbles % 2 else ordered

    def order_due(self, items: Iterable[DueT]) -> list[DueT]:
        """Return what is due in the order of this turn; what the last one put off comes last."""
        ordered, before = self.order(items), self.cause.at - PUT_OFF_SINCE
        return sorted(ordered, key=lambda item: item.due_at is None or item.due_at > before)

    def group(self, ordered: Sequence[T]) -> Iterator[Sequence[T]]:
        """Yield items in groups that are asked for together."""
        size = 1 if self.is_careful else GROUP_SIZE
        for start in range(0, len(ordered), size):
            yield ordered[start : start + size]

    def until(self, share: timedelta) -> datetime:
        """Return when a share of the turn that begins now is over.

        What those before have left of theirs is added to it.
        """
        self.granted += share
        end = self.cause.at + TURN_TIME
        # Then something before it has taken its time.
        self.has_stumbled |= self.is_over(end)
        return min(max(self.clock() + share, self.cause.at + self.granted), end)

    def is_over(self, until: datetime) -> bool:
        """Tell whether a share is over."""
        return self.clock() > until

    def take(self, items: Iterable[T], until: datetime) -> list[T]:
        """Return what can be read of a list until a share is over."""
        taken = []
        for item in items:
            taken.append(item)
            if self.is_over(until):
                break
        return taken

    def serve(self, items: Sequence[T], act: Callable[[T], object], until: datetime) -> int:
        """Act on each item until the share is over, and return how many had theirs."""
        for n_served, item in enumerate(items):
            if self.is_over(until):
                return n_served
            with self.watch():
                act(item)
        return len(items)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Notice what takes so long that it holds the turn up."""
        begun = self.clock()
        yield
        self.has_stumbled |= self.clock() - begun > SLOW
