"""What is to be carried, by ids alone: how it stands, why it waits, and when it is tried again."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

FIRST_WAIT_S = 10.0
MAX_WAIT_S = 600.0


class State(StrEnum):
    """How something stands that is to be carried."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    CANNOT = "cannot be carried"


@dataclass(frozen=True)
class Item:
    """Raw data of a result that goes up, or a run whose images come down.

    Parameters
    ----------
    key
        ``up {task_id}`` or ``down {dag_run_id}``.
    n_failed
        How often it was tried in vain, one after the other.
    next_at_s
        Not tried before that time [s since 1970].
    """

    key: str
    workflow_id: str
    task_id: str
    state: State = State.WAITING
    reason: str | None = None
    n_failed: int = 0
    next_at_s: float = 0
    done_bytes: int = 0
    size_bytes: int = 0

    def describe(self) -> dict[str, Any]:
        """Return it for programs."""
        direction, _, subject = self.key.partition(" ")
        is_later = self.state is not State.UNDER_WAY and self.next_at_s
        return {
            "direction": direction,
            "dag_run_id": subject if direction == "down" else None,
            "workflow_id": self.workflow_id,
            "task_id": self.task_id,
            "state": self.state,
            "reason": self.reason,
            "n_failed": self.n_failed,
            "next_try": datetime.fromtimestamp(self.next_at_s, UTC).isoformat()
            if is_later
            else None,
            "done_bytes": self.done_bytes,
            "size_bytes": self.size_bytes,
        }


class Items:
    """All of them; usable from many threads."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._lock = threading.Lock()

    def add(self, item: Item) -> Item:
        """Return an item as it stands, added if it is new."""
        with self._lock:
            return self._items.setdefault(item.key, item)

    def change(self, key: str, **changes: Any) -> None:
        """Change an item, if it is still wanted."""
        with self._lock:
            if key in self._items:
                self._items[key] = replace(self._items[key], **changes)

    def postpone(self, key: str, state: State, reason: str, now_s: float) -> Item | None:
        """Note why an item does not go on, and when it is tried again; return it if that is news.

        Parameters
        ----------
        state
            A file that somebody still writes is waited for; what fails is tried ever less often.
        now_s
            The time [s since 1970].
        """
        with self._lock:
            if (known := self._items.get(key)) is None:
                return None
            n_failed = known.n_failed + 1 if state is State.CANNOT else 0
            wait_s = min(FIRST_WAIT_S * 2.0 ** max(n_failed - 1, 0), MAX_WAIT_S)
            # Not all at once, where many have failed together.
            next_at_s = now_s + wait_s * random.uniform(0.8, 1)  # noqa: S311 - no secret
            item = replace(
                known, state=state, reason=reason, n_failed=n_failed, next_at_s=next_at_s
            )
            self._items[key] = item
            return item if known.reason != reason else None

    def remove(self, key: str) -> None:
        """Forget an item that is done."""
        with self._lock:
            self._items.pop(key, None)

    def keep(self, workflow_id: str, keys: set[str]) -> None:
        """Forget the items of a workflow that are not wanted, but for those under way."""
        self._drop(lambda item: item.workflow_id == workflow_id and item.key not in keys)

    def keep_workflows(self, workflow_ids: set[str]) -> None:
        """Forget the items of all other workflows."""
        self._drop(lambda item: item.workflow_id not in workflow_ids)

    def list(self) -> list[Item]:
        """Return all of them."""
        with self._lock:
            return list(self._items.values())

    def _drop(self, is_unwanted: Any) -> None:
        with self._lock:
            self._items = {
                key: item
                for key, item in self._items.items()
                if item.state is State.UNDER_WAY or not is_unwanted(item)
            }
