"""The files of the console: those of one folder, each under the policy that protects the page."""

import os
from pathlib import Path

from fastapi import Response

from workflow_manager.domain.errors import NotFoundError
from workflow_manager.http.etags import is_known, make_etag

INDEX = "index.html"
# Their names hold a hash of what is in them, so a name never gets other content.
HASHED_FOLDER = "assets/"
# All are text: API Gateway would hand binary ones on as Base64.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}


def list_files(folder: Path) -> dict[str, Path]:
    """Return the files that may be served by their path below a folder; nothing else is found."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in MEDIA_TYPES)
    return {path.relative_to(folder).as_posix(): path for path in found if path.is_file()}


def make_policy(data_lake: str) -> str:
    """Return the Content-Security-Policy of a page that may also ask the data lake."""
    return (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        f"font-src 'self'; connect-src 'self' {data_lake}; "
        f"img-src 'self' blob: data: {data_lake}; worker-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def find_data_lake(bucket: str) -> str:
    """Return the origin of the data lake's signed URLs."""
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        scheme, _, host = endpoint.partition("://")
        # An emulator is asked by the bucket's own name, or below its own.
        return f"{scheme}://{host} {scheme}://{bucket}.{host}"
    region = os.environ.get("AWS_REGION", "")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}"


def answer_file(files: dict[str, Path], name: str, bucket: str, known_tags: str) -> Response:
    """Answer a file, or 304 to whoever has it.

    Raises
    ------
    NotFoundError
        The console has no such file.
    """
    name = name or INDEX
    if name not in files:
        raise NotFoundError("The console has no such file.")
    content = files[name].read_text(encoding="utf-8")
    is_hashed = name.startswith(HASHED_FOLDER)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if is_hashed else "no-store",
        "Content-Security-Policy": make_policy(find_data_lake(bucket)),
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": make_etag(content),
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if is_known(known_tags, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPES[files[name].suffix], headers=headers)
