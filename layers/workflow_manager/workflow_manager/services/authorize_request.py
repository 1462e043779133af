"""Say whose token it is."""

from workflow_manager.domain.exam import User
from workflow_manager.ports import UserClient


def authorize_request(users: UserClient, authorization: str) -> User | None:
    """Ask user-login-manager whose token a request carries.

    Parameters
    ----------
    authorization
        The ``Authorization`` header.

    Returns
    -------
    User | None
        None if the header is no bearer token or the token is refused.

    Raises
    ------
    UpstreamError
        User-login-manager cannot tell: the request must fail, and not as a refusal.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return None
    return users.get_current_user(token.strip())
