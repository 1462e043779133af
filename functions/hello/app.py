"""GET /hello/."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CallerDep
from workflow_manager.http.routing import ScanHubRouter

router = ScanHubRouter(401, 403)


@router.get("/hello/", operation_id="hello")
def hello(caller: CallerDep) -> dict[str, str]:
    """Say hello to a logged-in user."""
    return {"message": "Hello, World!"}


lambda_handler = create_handler(router)
