"""One GET to a service, with an end, and no more of its answer than is looked at."""

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
    """What a service answered.

    Parameters
    ----------
    status
        HTTP status.
    text
        The beginning of the body.
    is_page
        Whether it is a page for people.
    """

    status: int
    text: str
    is_page: bool

    def read_json(self) -> Any:
        """Return what the body holds; None if it is no JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


def get(url: str, transport: httpx.BaseTransport | None = None) -> Answer:
    """Ask without a token, and do not follow to another place.

    Parameters
    ----------
    url
        Where.
    transport
        httpx's own if left out.

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
            # One that drips is no better than one that is silent.
            if len(content) >= MAX_BYTES or time.monotonic() > ends_at:
                break
        kind = answer.headers.get("Content-Type", "").lower()
        text = content[:MAX_BYTES].decode(errors="replace")
        return Answer(answer.status_code, text, kind.startswith("text/html"))


def explain(error: Exception) -> str:
    """Return why no answer came; without the URL, which may hold a password.

    Parameters
    ----------
    error
        Of `get`.
    """
    kinds = {
        "ConnectTimeout": "no answer: a firewall may drop the connection",
        "ReadTimeout": f"no answer within {TIMEOUT_S:g} s",
        "ConnectError": "no connection: its name, port or certificate is wrong, or it is down",
        "InvalidURL": "this is no URL",
        "UnsupportedProtocol": "this is no URL",
    }
    return kinds.get(type(error).__name__, f"no answer ({type(error).__name__})")
