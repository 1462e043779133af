"""GET /health/readiness."""

from workflow_manager.http.app import create_handler
from workflow_manager.http.dependencies import CauseDep, StoreDep
from workflow_manager.http.routing import ScanHubRouter

router = ScanHubRouter(503)


@router.get("/health/readiness", operation_id="check_readiness")
def check_readiness(store: StoreDep, cause: CauseDep) -> dict[str, str | list[str]]:
    """Say that requests are served, and name what is degraded."""
    return {"status": "ok", "degraded": store.get_system_status().degraded_at(cause.at)}


lambda_handler = create_handler(router)
