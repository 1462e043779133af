"""What an endpoint is given: the caller, and the ports that it touches.

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
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    Orchestrator,
    RunQueue,
    ScanClient,
    WorkflowStore,
)
from workflow_manager.services.receive_results import authenticate_callback
from workflow_manager.settings import Settings, get_settings
from workflow_manager.wiring import PORTS

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


CauseDep = Annotated[Cause, Depends(get_cause)]
CallerDep = Annotated[Caller, Depends(get_caller)]


@dataclass(frozen=True)
class Port:
    """A dependency that gives an endpoint a port.

    Parameters
    ----------
    name
        In `PORTS`.
    """

    name: str

    def build(self) -> object:
        """Return the port, for a start that nobody has called for yet."""
        return PORTS[self.name]()

    async def __call__(self) -> Any:
        """Return the port."""
        return PORTS[self.name]()


@dataclass(frozen=True)
class CallersPort:
    """A dependency that gives an endpoint a port to ScanHub, where the caller's token speaks.

    Parameters
    ----------
    name
        In `PORTS`.
    """

    name: str

    def build(self) -> object:
        """Return the port, for a start that nobody has called for yet."""
        return PORTS[self.name](token="")

    async def __call__(self, caller: CallerDep) -> Any:
        """Return the port on the caller's behalf."""
        return PORTS[self.name](token=caller.token)


StoreDep = Annotated[WorkflowStore, Depends(Port("store"))]
LakeDep = Annotated[DataLake, Depends(Port("lake"))]
QueueDep = Annotated[RunQueue, Depends(Port("queue"))]
OrchestratorDep = Annotated[Orchestrator, Depends(Port("orchestrator"))]
ExamDep = Annotated[ExamClient, Depends(CallersPort("exam"))]
ServiceExamDep = Annotated[ExamClient, Depends(Port("exam"))]
ScanDep = Annotated[ScanClient, Depends(CallersPort("scan"))]
ClockDep = Annotated[Clock, Depends(Port("clock"))]
SettingsDep = Annotated[Settings, Depends(Port("settings"))]


async def get_callback_token(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(callback_scheme)],
) -> str:
    """Return the token of a callback."""
    return credentials.credentials


CallbackToken = Annotated[str, Depends(get_callback_token)]


async def check_callback_token(token: CallbackToken, store: StoreDep, cause: CauseDep) -> None:
    """Refuse a stranger before a word is said about the body."""
    authenticate_callback(store, token, cause)
