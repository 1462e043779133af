"""What the reconciler stores for the readiness check, and the lease that allows only one turn."""

from collections.abc import Iterable
from datetime import timedelta

from pydantic import AwareDatetime

from workflow_manager.domain.entity import Cause, Entity

STALE_AFTER = timedelta(minutes=3)


class SystemStatus(Entity):
    """The only status item.

    Attributes
    ----------
    degraded
        Names of what does not work.
    cursor
        Where the next turn continues in the list of all active items; None: at the start.
    lease_until
        Until then, no other turn of the reconciler starts.
    waiting_since
        When the oldest run that waits for Airflow was created, as the last whole round through all
        active items has shown; None: no run waits.
    round_waiting_since
        The same of the round under way, so far.
    n_stumbles
        How many turns in a row, the present one included, something has killed or held up.
    """

    checked_at: AwareDatetime | None = None
    degraded: tuple[str, ...] = ()
    cursor: str | None = None
    lease_until: AwareDatetime | None = None
    waiting_since: AwareDatetime | None = None
    round_waiting_since: AwareDatetime | None = None
    n_stumbles: int = 0

    def is_leased(self, at: AwareDatetime) -> bool:
        """Tell whether another turn is under way."""
        return self.lease_until is not None and self.lease_until > at

    def lease(self, duration_s: int, cause: Cause) -> "SystemStatus":
        """Return the status with the lease taken for `duration_s` [s].

        The turn counts as one that stumbled until it says at its end that it did not.
        """
        lease_until = cause.at + timedelta(seconds=duration_s)
        return self.evolve(lease_until=lease_until, n_stumbles=self.n_stumbles + 1)

    def see_waiting(self, made_at: Iterable[AwareDatetime], cursor: str | None) -> "SystemStatus":
        """Return the status after a turn has read a part of the active items.

        Parameters
        ----------
        made_at
            When the waiting runs were created that this turn has read.
        cursor
            Where the next turn continues; None: the round is over, and a new one begins.
        """
        so_far = [self.round_waiting_since] if self.round_waiting_since else []
        oldest = min([*made_at, *so_far], default=None)
        if cursor is None:
            return self.evolve(cursor=None, waiting_since=oldest, round_waiting_since=None)
        return self.evolve(cursor=cursor, round_waiting_since=oldest)

    def waiting_s(self, at: AwareDatetime) -> float:
        """Return how long the oldest known run has waited [s]; 0 if none waits."""
        known = [each for each in (self.waiting_since, self.round_waiting_since) if each]
        return max(0.0, (at - min(known, default=at)).total_seconds())

    def degraded_at(self, at: AwareDatetime) -> list[str]:
        """Return the names of what does not work, among them a reconciler that has been silent."""
        is_stale = self.checked_at is None or at - self.checked_at > STALE_AFTER
        return [*self.degraded, "reconciler"] if is_stale else list(self.degraded)
