"""When anything that is listed has last changed: one item, so that one read tells it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from workflow_manager.beside import Beside
from workflow_manager.deadline import limit
from workflow_manager.domain.errors import ScanHubError
from workflow_manager.observability import log_unexpected, logger
from workflow_manager.stores import items
from workflow_manager.stores.table import Table

# One mark is good for what the same call commits so soon after it.
RENEWED_AFTER_S = 2
# For writing it: a change waits for that [s].
TOTAL_S = 1.0
# A mark so young tells nothing: what it announces may be on its way still, into the table or from
# there into the index.
SETTLED_AFTER_S = 5


class ListMark:
    """The mark of one table.

    Parameters
    ----------
    clock
        Tells the time [s since 1970]; those of all functions differ by less than a second or two.
    """

    def __init__(self, table: Table, clock: Callable[[], float]) -> None:
        self._table = table
        self._clock = clock
        self._renewed_at_s = 0.0

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Say that something changes in the block; a mark that cannot be written holds up nothing.

        It is stamped before the change and written beside it, so that nobody waits for both.
        """
        now_s = self._clock()
        if 0 <= now_s - self._renewed_at_s < RENEWED_AFTER_S:
            yield
            return
        mark = Beside(partial(self._write, now_s))
        try:
            yield
        finally:
            # A mark that is written later could take the place of a newer one.
            mark.wait()

    def _write(self, now_s: float) -> None:
        at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="microseconds")
        item = items.encode_key(items.LISTS_KEY) | {"at": {"S": at}}
        try:
            # Outside of the transaction, and on no condition: nobody meets anybody here.
            with limit(TOTAL_S):
                self._table.write([{"Item": item}])
        except ScanHubError as error:
            logger.warning("lists not marked", extra={"reason": error.detail})
            return
        except Exception as error:  # noqa: BLE001 - what it announces may have been written
            log_unexpected(error)
            return
        self._renewed_at_s = now_s

    def read(self) -> str | None:
        """Return what differs once anything has changed; None while something may be changing."""
        item = self._table.get(items.LISTS_KEY)
        if item is None:
            return None
        at = item["at"]["S"]
        age_s = self._clock() - datetime.fromisoformat(at).timestamp()
        return at if age_s >= SETTLED_AFTER_S else None
