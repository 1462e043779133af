"""Find the user whose token a request carries."""

from workflow_manager.domain.exam import User
from workflow_manager.ports import UserClient


def authorize_request(users: UserClient, authorization: str) -> User | None:
    """Return the user of an ``Authorization`` header; None if it carries no token that is valid.

    Raises
    ------
    UpstreamError
        User-login-manager cannot tell: the request must fail, but not as a refusal.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    return users.get_current_user(token.strip())
