"""GET /openapi.json, and /docs with the files of its page."""

from pathlib import Path

from workflow_manager.contract import get_contract
from workflow_manager.http.app import create_handler
from workflow_manager.http.docs_page import answer_file, answer_page, document_name
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

FOLDER = Path(__file__).parent
router = ScanHubRouter()


@router.get("/openapi.json", operation_id="get_openapi", response_class=Response)
def get_openapi() -> Response:
    """Return this description of the API."""
    document = (FOLDER / document_name(get_contract())).read_text(encoding="utf-8")
    return Response(document, media_type="application/json")


@router.get("/docs", operation_id="get_docs", response_class=HTMLResponse)
def get_docs(request: Request) -> Response:
    """Show this description as a page."""
    return answer_page(FOLDER, request.scope["path"])


@router.get("/docs/{file_name}", operation_id="get_docs_file", include_in_schema=False)
def get_docs_file(file_name: str) -> Response:
    """Return a file of the page."""
    return answer_file(FOLDER, file_name)


lambda_handler = create_handler(router)
