"""The scanner's upload of its raw data through the workflow manager's API."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

CONTENT_TYPE = "application/x-hdf5"
FILE_NAME = "phantom.h5"


class ScanFailedError(Exception):
    """A scan, or the upload of its data, failed."""


def upload_acquisition(client: httpx.Client, base_url: str, task_id: UUID, path: Path) -> str:
    """Upload a device task's file in parts, complete the upload and return its id.

    Parameters
    ----------
    base_url
        The workflow manager's base URL, ending in ``/v1/workflowmanager``.
    """
    uploads_url = f"{base_url.rstrip('/')}/uploads"
    order = {
        "task_id": str(task_id),
        "file_name": FILE_NAME,
        "size_bytes": path.stat().st_size,
        "content_type": CONTENT_TYPE,
    }
    upload = _read_json(_require(client.post(f"{uploads_url}/", json=order), 201))
    try:
        upload_id = str(upload["upload_id"])
        parts = _put_parts(client, f"{uploads_url}/{upload_id}/", upload, path)
    except (KeyError, TypeError) as exc:
        raise ScanFailedError(f"The answer to POST /uploads/ is not understood: {exc!r}") from exc
    _require(client.post(f"{uploads_url}/{upload_id}/complete/", json={"parts": parts}), 200)
    return upload_id


def _put_parts(
    client: httpx.Client, upload_url: str, upload: dict[str, Any], path: Path
) -> list[dict[str, Any]]:
    stored: list[dict[str, Any]] = []
    with path.open("rb") as file:
        while upload["parts"]:
            for part in upload["parts"]:
                content = file.read(part["size_bytes"])
                answer = _require(_put_part(client, part["url"], content), 200)
                if "etag" not in answer.headers:
                    raise ScanFailedError(f"Part {part['part_number']} was stored without an ETag.")
                stored.append({"part_number": part["part_number"], "etag": answer.headers["etag"]})
            # Each answer holds the URLs of some of the parts.
            following = {"from_part": len(stored) + 1}
            upload = _read_json(_require(client.get(upload_url, params=following), 200))
        if file.read(1):
            raise ScanFailedError("The parts are smaller than the file.")
    return stored


def _put_part(client: httpx.Client, url: str, content: bytes) -> httpx.Response:
    request = client.build_request("PUT", url, content=content)
    # A presigned URL carries its own authorization; a second one makes S3 refuse the request.
    request.headers.pop("authorization", None)
    return client.send(request)


def _require(response: httpx.Response, status: int) -> httpx.Response:
    if response.status_code != status:
        # The path only: the query of a presigned URL is a credential.
        call = f"{response.request.method} {response.request.url.path}"
        text = response.text[:200]
        raise ScanFailedError(f"{call} answered {response.status_code}: {text}")
    return response


def _read_json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError as exc:
        raise ScanFailedError("The workflow manager answered no JSON.") from exc
    if not isinstance(body, dict):
        raise ScanFailedError("The workflow manager answered no JSON object.")
    return body
