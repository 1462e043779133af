"""GET /health/readiness."""

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.dependencies import CauseDep, ServicePortsDep
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.check_readiness import check_readiness

router = ScanHubRouter(503)


@router.get("/health/readiness", operation_id="check_readiness")
def answer(ports: ServicePortsDep, cause: CauseDep) -> dict[str, str | list[str]]:
    """Say that requests are served, and name what is degraded."""
    return {"status": "ok", "degraded": check_readiness(ports, cause)}


app = create_app(router)
lambda_handler = create_handler(app, "store")
