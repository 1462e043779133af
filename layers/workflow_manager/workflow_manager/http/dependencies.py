"""What an endpoint is given: the caller, and the outside world on the caller's behalf.

None of it awaits anything. It is ``async`` so that FastAPI calls it where it is, not in a thread.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, OAuth2PasswordBearer

from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import AuthenticationError, PermissionDeniedError
from workflow_manager.domain.trace import TraceContext, parse_traceparent
from workflow_manager.ports import Ports
from workflow_manager.services.receive_results import authenticate_callback
from workflow_manager.settings import get_settings
from workflow_manager.wiring import AwsPorts

oauth2_scheme = OAuth2PasswordBearer(
    tokenUrl="/api/v1/userlogin/login", scheme_name="oauth2_scheme"
)
callback_scheme = HTTPBearer(
    scheme_name="callback_token", description="The run's own token, from the DAG's conf."
)
Token = Annotated[str, Depends(oauth2_scheme)]


@dataclass(frozen=True)
class Caller:
    """Who calls, vouched for by the authorizer.

    Parameters
    ----------
    token
        Handed to neighbours, kept nowhere.
    cause
        The caller as the cause of what follows.
    """

    token: str = field(repr=False)
    cause: Cause


def _event(request: Request) -> dict[str, Any]:
    event: dict[str, Any] = request.scope.get("aws.event", {})
    return event


def _request_context(request: Request) -> dict[str, Any]:
    context: dict[str, Any] = _event(request).get("requestContext") or {}
    return context


def _trace(request: Request) -> TraceContext | None:
    # Chosen by the handler, so that log and cause name the same one.
    return parse_traceparent(_event(request).get("traceparent"))


async def get_cause(request: Request) -> Cause:
    """Return the cause of a request that needs no user: the function itself acts."""
    request_id = str(_request_context(request).get("requestId", ""))
    operation_id = request.scope["route"].operation_id
    return Cause(operation_id, request_id, datetime.now(UTC), _trace(request))


async def get_caller(request: Request, token: Token) -> Caller:
    """Return the user whom the authorizer let through.

    Raises
    ------
    PermissionDeniedError
        The user's role may not do this.
    AuthenticationError
        No authorizer vouches for the request: it did not come through API Gateway.
    """
    context = _request_context(request)
    authorizer = context.get("authorizer") or {}
    user_name = authorizer.get("principalId")
    if not user_name:
        raise AuthenticationError("Not authenticated")
    operation_id = request.scope["route"].operation_id
    if not get_settings().may(authorizer.get("role", ""), operation_id):
        raise PermissionDeniedError("Your role does not allow this.")
    request_id = str(context.get("requestId", ""))
    return Caller(token, Cause(user_name, request_id, datetime.now(UTC), _trace(request)))


async def get_user_ports(caller: Annotated[Caller, Depends(get_caller)]) -> Ports:
    """Return the outside world on the caller's behalf."""
    return AwsPorts(token=caller.token)


async def get_service_ports() -> Ports:
    """Return the outside world on the service account's behalf."""
    return AwsPorts()


CauseDep = Annotated[Cause, Depends(get_cause)]
CallerDep = Annotated[Caller, Depends(get_caller)]
UserPortsDep = Annotated[Ports, Depends(get_user_ports)]
ServicePortsDep = Annotated[Ports, Depends(get_service_ports)]


async def get_callback_token(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(callback_scheme)],
) -> str:
    """Return the token of a callback."""
    return credentials.credentials


CallbackToken = Annotated[str, Depends(get_callback_token)]


async def check_callback_token(
    token: CallbackToken, ports: ServicePortsDep, cause: CauseDep
) -> None:
    """Refuse a stranger before a word is said about the body."""
    authenticate_callback(ports, token, cause)
