"""GET /hello/."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CallerDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.hello import hello

router = ScanHubRouter(401, 403)


@router.get("/hello/", operation_id="hello")
def answer(caller: CallerDep) -> dict[str, str]:
    """Say hello to a logged-in user."""
    return {"message": hello()}


app = create_app(router)
lambda_handler = create_handler(app)
