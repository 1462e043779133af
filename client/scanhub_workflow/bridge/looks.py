"""When which workflow is looked at in exam-manager: what is quiet, ever less often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scanhub_workflow.bridge.board import BoardWorkflow
from scanhub_workflow.bridge.items import Item

# While raw data may still come, and while only somebody could undo what is done.
MAX_WAIT_S = 300.0
MAX_DONE_WAIT_S = 3_600.0


@dataclass(frozen=True)
class _Look:
    told: BoardWorkflow
    wait_s: float
    next_at_s: float


class Looks:
    """The looks at workflows, each due at its own time.

    Parameters
    ----------
    interval_s
        Between two looks where something happens [s].
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._looks: dict[str, _Look] = {}

    def choose_due(
        self, told: Iterable[BoardWorkflow], items: Iterable[Item], now_s: float
    ) -> list[BoardWorkflow]:
        """Return the workflows to look at now, and forget those that are not told any more.

        Parameters
        ----------
        told
            All that may have something to carry; one that has changed is due.
        items
            What is to be carried.
        now_s
            The time [s since 1970].
        """
        tries: dict[str, float] = {}
        for item in items:
            tries[item.workflow_id] = min(
                item.next_at_s, tries.get(item.workflow_id, item.next_at_s)
            )
        looks, due = {}, []
        for each in told:
            look = self._looks.get(each.workflow_id)
            if look is None or look.told != each or look.next_at_s <= now_s:
                due.append(each)
                look = self._plan(each, look, tries.get(each.workflow_id), now_s)
            looks[each.workflow_id] = look
        self._looks = looks
        return due

    def forget(self) -> None:
        """Let all be due: a look broke off, or came to nothing."""
        self._looks = {}

    def _plan(
        self, told: BoardWorkflow, last: _Look | None, next_try_s: float | None, now_s: float
    ) -> _Look:
        tasks = told.tasks or []
        is_scanning = any(task.takes_data and task.status == "IN_PROGRESS" for task in tasks)
        if last is None or last.told != told or is_scanning:
            return _Look(told, self._interval_s, now_s + self._interval_s)
        if next_try_s is not None:
            next_at_s = max(now_s + self._interval_s, next_try_s)
            return _Look(told, self._interval_s, next_at_s)
        longest_s = MAX_WAIT_S if any(task.takes_data for task in tasks) else MAX_DONE_WAIT_S
        wait_s = max(min(2 * last.wait_s, longest_s), self._interval_s)
        return _Look(told, wait_s, now_s + wait_s)
