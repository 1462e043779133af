"""The parameters of endpoints: the caller, and the ports that they use.

Nothing here awaits anything. It is ``async`` so that FastAPI calls it directly, not in a thread.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from workflow_manager.domain.access import may
from workflow_manager.domain.entity import Cause
from workflow_manager.domain.errors import (
    AuthenticationError,
    MisconfiguredError,
    PermissionDeniedError,
)
from workflow_manager.domain.ids import is_token
from workflow_manager.domain.trace import TraceContext, parse_traceparent
from workflow_manager.observability import logger
from workflow_manager.ports import (
    Clock,
    DataLake,
    ExamClient,
    MessageQueue,
    Orchestrator,
    ScanClient,
    UserClient,
    WorkflowStore,
)
from workflow_manager.settings import Settings, get_settings
from workflow_manager.wiring import PORTS, give_port

oauth2_scheme = OAuth2PasswordBearer(
    tokenUrl="/api/v1/userlogin/login", scheme_name="oauth2_scheme"
)
Token = Annotated[str, Depends(oauth2_scheme)]


@dataclass(frozen=True)
class Caller:
    """The user who calls, as the authorizer confirmed.

    Parameters
    ----------
    token
        Sent on to ScanHub's services, and stored nowhere.
    role
        The user's at user-login-manager.
    """

    token: str = field(repr=False)
    cause: Cause
    role: str = ""


def _event(request: Request) -> dict[str, Any]:
    event: dict[str, Any] = request.scope.get("aws.event", {})
    return event


def _request_context(request: Request) -> dict[str, Any]:
    context: dict[str, Any] = _event(request).get("requestContext") or {}
    return context


def _trace(request: Request) -> TraceContext | None:
    # The handler chooses it, so that log and cause name the same request.
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
        No authorizer confirmed the request: it did not come through API Gateway.
    MisconfiguredError
        `RolePermissions` is malformed, so nobody knows what the role may do.
    """
    context = _request_context(request)
    authorizer = context.get("authorizer") or {}
    user_name = authorizer.get("principalId")
    if not user_name or not is_token(token):
        raise AuthenticationError("Not authenticated")
    operation_id = request.scope["route"].operation_id
    role = str(authorizer.get("role", ""))
    if not _may(role, operation_id):
        raise PermissionDeniedError("Your role does not allow this.")
    request_id = str(context.get("requestId", ""))
    return Caller(token, Cause(user_name, request_id, datetime.now(UTC), _trace(request)), role)


def _may(role: str, operation_id: str) -> bool:
    try:
        return may(get_settings().role_permissions, role, operation_id)
    except ValueError as error:
        logger.error("RolePermissions cannot be used", extra={"reason": str(error)})
        raise MisconfiguredError("The deployment's RolePermissions cannot be used.") from None


CauseDep = Annotated[Cause, Depends(get_cause)]
CallerDep = Annotated[Caller, Depends(get_caller)]


@dataclass(frozen=True)
class Port:
    """A dependency that gives an endpoint the port of that name in `PORTS`."""

    name: str

    def build(self) -> object:
        """Return the port, for a start before the first request."""
        return PORTS[self.name]()

    async def __call__(self) -> Any:
        """Return the port."""
        return give_port(self.name)


@dataclass(frozen=True)
class CallersPort:
    """A dependency that gives an endpoint a port to ScanHub that acts with the caller's token."""

    name: str

    def build(self) -> object:
        """Return the port, for a start before the first request."""
        return PORTS[self.name](token="")

    async def __call__(self, request: Request) -> Any:
        """Return the port that acts for the caller."""
        # Not `CallerDep`, which FastAPI would resolve a second time: that takes a tenth of a
        # request.
        return give_port(self.name, token=await oauth2_scheme(request) or "")


StoreDep = Annotated[WorkflowStore, Depends(Port("store"))]
LakeDep = Annotated[DataLake, Depends(Port("lake"))]
QueueDep = Annotated[MessageQueue, Depends(Port("queue"))]
OrchestratorDep = Annotated[Orchestrator, Depends(Port("orchestrator"))]
UsersDep = Annotated[UserClient, Depends(Port("users"))]
ExamDep = Annotated[ExamClient, Depends(CallersPort("exam"))]
ScanDep = Annotated[ScanClient, Depends(CallersPort("scan"))]


def give_clock() -> Clock:
    """Return the clock; it is no dependency, because each one costs a request 3 % of its time."""
    clock: Clock = give_port("clock")
    return clock


def give_settings() -> Settings:
    """Return the settings; they are no dependency, for the same reason."""
    settings: Settings = give_port("settings")
    return settings
