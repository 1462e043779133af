"""The bridge at work: it looks what there is to do, lets it be done, and tells how it stands."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scanhub_workflow.bridge.account import ServiceAccount
from scanhub_workflow.bridge.carrier import Carrier
from scanhub_workflow.bridge.connection import Addresses, Connection
from scanhub_workflow.bridge.items import Items, State
from scanhub_workflow.bridge.looks import Looks
from scanhub_workflow.bridge.reasons import explain
from scanhub_workflow.bridge.status import write_status
from scanhub_workflow.bridge.transfers import Transfers
from scanhub_workflow.bridge.volume import Volume
from scanhub_workflow.errors import AuthenticationError, ConfigurationError, ScanHubError
from scanhub_workflow.retry import Retry

MAX_WAIT_S = 120.0
TICK_S = 1.0


def make_clock() -> Callable[[], float]:
    """Return what tells the time [s since 1970], and goes on evenly whoever sets this machine's."""
    begun_s = time.time() - time.monotonic()
    return lambda: begun_s + time.monotonic()


@dataclass(frozen=True)
class BridgeSettings:
    """How a bridge works.

    Parameters
    ----------
    data
        ScanHub's volume on this machine.
    state
        A folder for what it tells of itself.
    n_transfers
        How many files, and how many runs, are under way at once.
    reserve_bytes
        How much of the volume stays free.
    interval_s
        Between two looks [s].
    """

    data: Path
    state: Path
    n_transfers: int = 2
    reserve_bytes: int = 10 * 2**30
    interval_s: float = 10


@dataclass
class Bridge:
    """Carries raw data up and images down.

    Parameters
    ----------
    tell
        Writes a line of the log: ids, sizes and reasons.
    now
        The time [s since 1970].
    """

    settings: BridgeSettings
    addresses: Addresses
    account: ServiceAccount
    tell: Callable[[str], None]
    retry: Retry = field(default_factory=Retry)
    now: Callable[[], float] = field(default_factory=make_clock)

    def __post_init__(self) -> None:
        """Begin with nothing: what is done already, the API and exam-manager tell."""
        self._connection: Connection | None = None
        self._volume: Volume | None = None
        self._problem: str | None = None
        self._retired: list[Connection] = []
        self._told: dict[str, Any] = {}
        self._items = Items()
        settings = self.settings
        self._transfers = Transfers(settings.n_transfers, self._items, self.tell, self.now)
        looks = Looks(settings.interval_s)
        self._carrier = Carrier(self._items, looks, self._transfers, self.tell, self.now)

    def run_once(self) -> bool:
        """Carry all that there is to carry, each tried once; tell whether nothing has failed.

        Raises
        ------
        ScanHubError
            A service or the volume is away, or something is wrong with the settings.
        """
        try:
            # The token may end in between.
            for _ in range(2):
                self._look()
                self._transfers.settle(None)
                if not self._transfers.is_login_over:
                    break
        except ScanHubError as error:
            self._problem = explain(error)
            raise
        self._problem = None
        has_failed = any(item.state is State.CANNOT for item in self._items.list())
        return not has_failed and not self._transfers.is_login_over

    def run(self) -> None:
        """Go on until interrupted.

        Raises
        ------
        ConfigurationError
            At the beginning, something is wrong with the settings.
        """
        n_failed = 0
        while True:
            n_failed = 0 if self._try_to_look() else n_failed + 1
            wait_s = min(self.settings.interval_s * 2 ** min(n_failed, 10), MAX_WAIT_S)
            until_s = self.now() + max(wait_s, self.settings.interval_s)
            while (left_s := until_s - self.now()) > 0:
                if self._transfers.settle(min(TICK_S, left_s)):
                    self._close_retired()
                    self.retry.clock.sleep(min(TICK_S, left_s))
                self._write()

    def close(self) -> None:
        """Stop all transfers; what has arrived is gone on with the next time."""
        self._transfers.close()
        self._close_retired()
        self._write()

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.pop().close()

    def _try_to_look(self) -> bool:
        is_new = self._connection is None and self._problem is None
        try:
            self._look()
        except ConfigurationError as error:
            if is_new:
                raise
            problem: str | None = str(error)
        except (ScanHubError, OSError) as error:
            problem = explain(error)
        else:
            problem = None
        is_news, self._problem = problem != self._problem, problem
        if is_news:
            self.tell(problem or "All is well again.")
        return problem is None

    def _look(self) -> None:
        if self._volume is None:
            self._volume = Volume(self.settings.data, self.settings.reserve_bytes)
        self._volume.check()
        try:
            self._carrier.look(self._connect(), self._volume)
        except AuthenticationError:
            self._transfers.is_login_over = True
            self._carrier.look(self._connect(), self._volume)

    def _connect(self) -> Connection:
        if self._transfers.is_login_over and self._connection is not None:
            # What is under way may still use it.
            self._retired.append(self._connection)
            self._connection = None
            # What waits for the new login is due.
            self._carrier.looks.forget()
        self._transfers.is_login_over = False
        if self._connection is None:
            self._connection = Connection.open(self.addresses, self.account, self.retry)
            self.tell(f"Logged in; exam-manager speaks {self._connection.generation}.")
        return self._connection

    def _write(self) -> None:
        status: dict[str, Any] = {
            "contract": self._connection.generation if self._connection else None,
            "problem": self._problem,
            "items": [each.describe() for each in self._items.list()],
        }
        is_due = self.now() - self._told.get("at_s", 0) >= self.settings.interval_s
        if not is_due and self._told.get("status") == status:
            return
        self._told = {"at_s": self.now(), "status": status}
        at = datetime.fromtimestamp(self.now(), UTC).isoformat()
        try:
            free_bytes = self._volume.free_bytes if self._volume else None
        except OSError:
            free_bytes = None
        try:
            write_status(self.settings.state, {"at": at, "free_bytes": free_bytes, **status})
        except OSError as error:
            self.tell(f"The status cannot be written: {os.strerror(error.errno or 0)}.")
