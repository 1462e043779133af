"""One GET to a service, with a deadline and a bounded answer."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

TIMEOUT_S = 5.0
TOTAL_S = 10.0
MAX_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """The status of an answer, the beginning of its body, and whether that is a web page."""

    status: int
    text: str
    is_page: bool

    def read_json(self) -> Any:
        """Return the body's JSON; None if it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def get(
    url: str, transport: httpx.BaseTransport | None = None, max_bytes: int = MAX_BYTES
) -> Answer:
    """Send a GET without a token, and follow no redirect.

    Parameters
    ----------
    max_bytes
        Of the body that is read.

    Raises
    ------
    httpx.HTTPError, httpx.InvalidURL
        No answer came.
    """
    ends_at = time.monotonic() + TOTAL_S
    content = b""
    with (
        httpx.Client(timeout=TIMEOUT_S, transport=transport) as client,
        client.stream("GET", url) as answer,
    ):
        for chunk in answer.iter_bytes():
            content += chunk
            # A service that sends byte by byte must not hold us up either.
            if len(content) >= max_bytes or time.monotonic() > ends_at:
                break
        kind = answer.headers.get("Content-Type", "").lower()
        text = content[:max_bytes].decode(errors="replace")
        return Answer(answer.status_code, text, kind.startswith("text/html"))


def explain(error: Exception) -> str:
    """Return why `get` failed; without the URL, which may hold a password."""
    kinds = {
        "ConnectTimeout": "no answer: a firewall may drop the connection",
        "ReadTimeout": f"no answer within {TIMEOUT_S:g} s",
        "ConnectError": "no connection: its name, port or certificate is wrong, or it is down",
        "InvalidURL": "this is no URL",
        "UnsupportedProtocol": "this is no URL",
    }
    return kinds.get(type(error).__name__, f"no answer ({type(error).__name__})")
