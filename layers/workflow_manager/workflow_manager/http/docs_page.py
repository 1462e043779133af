"""The OpenAPI document, and the page at /docs: Swagger UI, which loads nothing from other hosts."""

import base64
from pathlib import Path

from fastapi import Response

from workflow_manager.contract import Contract
from workflow_manager.domain.errors import NotFoundError

SWAGGER_UI = "swagger_ui"
# The files that the page loads. All are text: API Gateway would send binary ones as Base64.
FILES = {
    "start.js": ("start.js", "text/javascript"),
    "swagger-ui-bundle.js": (f"{SWAGGER_UI}/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": (f"{SWAGGER_UI}/swagger-ui.css", "text/css"),
}
# The page loads nothing from other hosts and sends nothing to them, because people paste tokens
# here. Swagger UI's pictures are data in its style sheet.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def document_name(contract: Contract) -> str:
    """Return the name of the OpenAPI document of a contract."""
    return "openapi.json" if contract is Contract.MARCH_2025 else f"openapi-{contract}.json"


def answer_page(folder: Path, url_path: str) -> Response:
    """Answer the page, whose links work with and without a trailing slash in the URL's path."""
    icon = base64.b64encode((folder / SWAGGER_UI / "favicon-32x32.png").read_bytes()).decode()
    here = "" if url_path.endswith("/") else "docs/"
    page = (folder / "page.html").read_text(encoding="utf-8").format(icon=icon, here=here)
    own = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"}
    return Response(page, media_type="text/html", headers=HEADERS | own)


def answer_file(folder: Path, name: str) -> Response:
    """Answer a file that the page loads.

    Raises
    ------
    NotFoundError
        The page loads no such file.
    """
    if name not in FILES:
        raise NotFoundError("The page has no such file.")
    path, media_type = FILES[name]
    content = (folder / path).read_text(encoding="utf-8")
    own = {"Cache-Control": "public, max-age=3600"}
    return Response(content, media_type=media_type, headers=HEADERS | own)
