"""Log a user in at user-login-manager."""

from datetime import datetime, timedelta
from typing import Any

from workflow_manager.domain.errors import NotFoundError, StoreUnavailableError, TurnTakenError
from workflow_manager.observability import logger
from workflow_manager.ports import Clock, UserClient, WorkflowStore
from workflow_manager.settings import Settings

# As long as the function may run: whoever dies within it keeps nobody out for longer.
TURN_S = 10


def log_in(
    store: WorkflowStore,
    users: UserClient,
    clock: Clock,
    settings: Settings,
    username: str,
    password: str,
) -> dict[str, Any]:
    """Return user-login-manager's answer, with the token.

    Raises
    ------
    NotFoundError
        This deployment does not log in.
    TurnTakenError
        Somebody else is logging in.
    AuthenticationError
        Name or password is wrong.
    """
    if not settings.console_login:
        raise NotFoundError("This deployment logs nobody in: log in on ScanHub's own page.")
    now = clock()
    until = now + timedelta(seconds=TURN_S)
    # Checking a password keeps user-login-manager, which everything asks, busy for over a second.
    if not store.take_login_turn(now, until):
        raise TurnTakenError("Somebody else is logging in: try again in a moment.")
    try:
        return users.log_in(username, password)
    finally:
        _end_turn(store, until)


def _end_turn(store: WorkflowStore, until: datetime) -> None:
    try:
        store.end_login_turn(until)
    except StoreUnavailableError as error:
        # It ends by itself; what user-login-manager has said is what counts.
        logger.warning("turn to log in not given back", extra={"reason": error.detail})
