"""GET /openapi.json and /docs."""

from pathlib import Path

from workflow_manager.http.app import create_handler
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

DOCUMENT = Path(__file__).with_name("openapi.json")
router = ScanHubRouter()


@router.get("/openapi.json", operation_id="get_openapi", response_class=Response)
def get_openapi() -> Response:
    """Return this description of the API."""
    return Response(DOCUMENT.read_text(encoding="utf-8"), media_type="application/json")


@router.get("/docs", operation_id="get_docs", response_class=HTMLResponse)
def get_docs(request: Request) -> HTMLResponse:
    """Show this description as a page."""
    url = "../openapi.json" if request.scope["path"].endswith("/") else "openapi.json"
    return get_swagger_ui_html(openapi_url=url, title="ScanHub Workflow Manager")


lambda_handler = create_handler(router)
