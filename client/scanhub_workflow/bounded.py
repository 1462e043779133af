"""A client of httpx whose requests end."""

from __future__ import annotations

from typing import Any

import httpx

from scanhub_workflow.deadline import bound_client, keep_no_cookies, limit, take_nothing_packed

# Whoever takes less of what is sent has stopped.
SLOWEST_BYTES_PER_S = 4_096


class BoundedClient(httpx.Client):
    """A client that gives each request a time for everything, its answer included.

    A body that is sent has more, by its size. One that is streamed back has the timeout of each
    read only: how long a file takes, nobody knows.

    Parameters
    ----------
    total_s
        Of a request without a body [s].
    is_unpacking
        Whether packed answers are taken.
    **options
        As httpx takes them.
    """

    def __init__(self, total_s: float, *, is_unpacking: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._total_s = total_s
        bound_client(self)
        keep_no_cookies(self)
        if not is_unpacking:
            take_nothing_packed(self)

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request, as httpx does."""
        size_bytes = int(request.headers.get("Content-Length", 0))
        with limit(self._total_s + size_bytes / SLOWEST_BYTES_PER_S):
            return super().send(request, **options)
