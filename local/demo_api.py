"""The demo's way to the API: log in, call, wait, upload."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from local.state import Stack

TIMEOUT_S = 300.0
POLL_S = 0.2
CHUNK_SIZE_BYTES = 2**20
Json = dict[str, Any]


class DemoError(Exception):
    """A step did not happen; the text says which and why."""


@dataclass(frozen=True)
class Api:
    """The API as the logged-in operator.

    Parameters
    ----------
    client
        Carries the operator's token.
    """

    client: httpx.Client

    def call(self, method: str, path: str, **options: Any) -> Json:
        """Return the answer of the API.

        Raises
        ------
        DemoError
            With what the API says.
        """
        answer = self.client.request(method, path, **options)
        if answer.is_error:
            raise DemoError(f"{method} {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def find(self, path: str) -> Json | None:
        """Return what is at `path`, or None as long as there is nothing."""
        answer = self.client.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise DemoError(f"GET {path}: {answer.status_code} {answer.text}")
        return dict(answer.json())

    def upload(self, path: Path, dag_id: str, on_progress: Callable[[int], None]) -> str:
        """Send a file straight to the data lake, part by part, and return the id of its run.

        Parameters
        ----------
        path
            The file.
        dag_id
            The DAG that is to work on it.
        on_progress
            Called with the bytes of every part that has arrived.
        """
        size_bytes = path.stat().st_size
        body = {"dag_id": dag_id, "file_name": path.name, "size_bytes": size_bytes}
        plan = self.call("POST", "/uploads/", json=body)
        upload_path = f"/uploads/{plan['upload_id']}/"
        sent: list[Json] = []
        with path.open("rb") as file, httpx.Client(timeout=60) as s3:
            while plan["parts"]:
                for part in plan["parts"]:
                    headers = {"Content-Length": str(part["size_bytes"])}
                    content = _read_chunks(file, part["size_bytes"])
                    answer = s3.put(part["url"], content=content, headers=headers)
                    answer.raise_for_status()
                    number, etag = part["part_number"], answer.headers["ETag"]
                    sent.append({"part_number": number, "etag": etag})
                    on_progress(part["size_bytes"])
                plan = self.call("GET", upload_path, params={"from_part": len(sent) + 1})
        return str(self.call("POST", f"{upload_path}complete/", json={"parts": sent})["dag_run_id"])


def log_in(stack: Stack) -> Api:
    """Log in at user-login-manager, as an operator does.

    Parameters
    ----------
    stack
        The running stack.
    """
    form = {"username": stack.username, "password": stack.password}
    url = f"{stack.scanhub_url}/api/v1/userlogin/login"
    answer = httpx.post(url, data=form, timeout=10).raise_for_status()
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return Api(httpx.Client(base_url=stack.api_url, headers=headers, timeout=30))


def wait_for(read: Callable[[], Json | None], what: str) -> Json:
    """Return what `read` returns once it returns something.

    Raises
    ------
    DemoError
        It has not in five minutes.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if (found := read()) is not None:
            return found
        time.sleep(POLL_S)
    raise DemoError(f"After {TIMEOUT_S:.0f} s {what} has not come to an end.")


def _read_chunks(file: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    while size_bytes > 0 and (chunk := file.read(min(CHUNK_SIZE_BYTES, size_bytes))):
        size_bytes -= len(chunk)
        yield chunk
