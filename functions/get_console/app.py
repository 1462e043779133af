"""GET /console/, and the files of the page."""

from pathlib import Path

from workflow_manager.http.app import create_handler
from workflow_manager.http.console_files import answer_file, list_files
from workflow_manager.http.dependencies import give_settings
from workflow_manager.http.routing import ScanHubRouter

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

FILES = list_files(Path(__file__).parent / "static")
router = ScanHubRouter(404)


@router.get("/console/", operation_id="get_console", response_class=HTMLResponse)
def get_console(request: Request) -> Response:
    """Show what happens, as a page for a browser."""
    if not request.scope["path"].endswith("/"):
        # Relative, because what stands before it depends on how we are reached.
        return Response(status_code=302, headers={"Location": "console/"})
    return _answer(request, "")


@router.get("/console/{file_path:path}", operation_id="get_console_file", include_in_schema=False)
def get_console_file(request: Request, file_path: str) -> Response:
    """Return a file of the console."""
    return _answer(request, file_path)


def _answer(request: Request, name: str) -> Response:
    known = ",".join(request.headers.getlist("if-none-match"))
    return answer_file(FILES, name, give_settings().bucket_name, known)


lambda_handler = create_handler(router)
