"""Say whether requests will be served."""

from workflow_manager.domain.entity import Cause
from workflow_manager.ports import Ports


def check_readiness(ports: Ports, cause: Cause) -> list[str]:
    """Return the names of what does not work, by one read of the reconciler's note.

    Parameters
    ----------
    ports
        The outside world.
    cause
        When.

    Returns
    -------
    list[str]
        Empty if all is well. Requests are served in any case.

    Raises
    ------
    StoreUnavailableError
        The table cannot be read, so nothing would be served.
    """
    return ports.store.get_system_status().degraded_at(cause.at)
