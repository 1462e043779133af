"""POST /login/."""

from typing import Annotated, Any

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import StoreDep, UsersDep, give_clock, give_settings
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.log_in import log_in as use_case

from fastapi import Form, Response

router = ScanHubRouter(401, 404, 422, 429, 502, 503, 504)
# No user-login-manager takes more, and each byte would be hashed there.
Username = Annotated[str, Form(min_length=1, max_length=255)]
Password = Annotated[str, Form(min_length=1, max_length=1024)]


@router.post("/login/", operation_id="log_in")
def log_in(
    username: Username, password: Password, store: StoreDep, users: UsersDep, response: Response
) -> dict[str, Any]:
    """Log in at user-login-manager, for a page that it does not serve; one at a time."""
    response.headers["Cache-Control"] = "no-store"
    return use_case(store, users, give_clock(), give_settings(), username, password)


lambda_handler = create_handler(router)
