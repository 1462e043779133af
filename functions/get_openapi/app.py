"""GET /openapi.json and /docs."""

from pathlib import Path

from workflow_manager.http.app import create_app, create_handler
from workflow_manager.http.routing import ScanHubRouter
from workflow_manager.services.get_openapi import get_openapi

from fastapi import Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

DOCUMENT = Path(__file__).with_name("openapi.json")
router = ScanHubRouter()


@router.get("/openapi.json", operation_id="get_openapi", response_class=Response)
def answer() -> Response:
    """Return this description of the API."""
    return Response(get_openapi(DOCUMENT), media_type="application/json")


@router.get("/docs", operation_id="get_docs", response_class=HTMLResponse)
def show_docs(request: Request) -> HTMLResponse:
    """Show this description as a page."""
    url = "../openapi.json" if request.url.path.endswith("/") else "openapi.json"
    return get_swagger_ui_html(openapi_url=url, title="ScanHub Workflow Manager")


app = create_app(router)
lambda_handler = create_handler(app)
