"""GET /me/."""

from datetime import datetime

from workflow_manager.domain.access import list_permissions
from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.settings import get_settings

from pydantic import BaseModel, Field

router = ScanHubRouter(401, 403, 503)


class MeView(BaseModel):
    """Who the caller is, and what he may do."""

    username: str
    role: str
    permissions: list[str] = Field(description="The operations that the role may call.")
    ends_at: datetime | None = Field(
        description="When the login ends; null: user-login-manager does not tell."
    )


@router.get("/me/", operation_id="get_me")
def get_me(caller: CallerDep) -> MeView:
    """Show the caller's name and role, and the operations that the role may call."""
    permissions = list_permissions(get_settings().role_permissions, caller.role)
    name = caller.cause.actor
    return MeView(username=name, role=caller.role, permissions=permissions, ends_at=None)


lambda_handler = create_handler(router)
