"""What the reconciler leaves behind for the readiness check, and the lease that keeps it single."""

from datetime import timedelta

from pydantic import AwareDatetime

from workflow_manager.domain.entity import Cause, Entity

STALE_AFTER = timedelta(minutes=3)


class SystemStatus(Entity):
    """The one status item.

    Attributes
    ----------
    degraded
        Names of what does not work.
    cursor
        Where the next turn goes on with all that is active; None: from the start.
    lease_until
        Until when the present turn of the reconciler keeps others out.
    """

    checked_at: AwareDatetime | None = None
    degraded: tuple[str, ...] = ()
    cursor: str | None = None
    lease_until: AwareDatetime | None = None

    def is_leased(self, at: AwareDatetime) -> bool:
        """Tell whether another turn is under way."""
        return self.lease_until is not None and self.lease_until > at

    def lease(self, duration_s: int, cause: Cause) -> "SystemStatus":
        """Return the status with the lease taken for `duration_s` [s]."""
        return self.evolve(lease_until=cause.at + timedelta(seconds=duration_s))

    def degraded_at(self, at: AwareDatetime) -> list[str]:
        """Return what does not work, a silent reconciler included."""
        is_stale = self.checked_at is None or at - self.checked_at > STALE_AFTER
        return [*self.degraded, "reconciler"] if is_stale else list(self.degraded)
