"""Keeps web pages of elsewhere away from servers that ask nobody who they are.

In the browser of somebody whose stack is up, any page may let its own name point to loopback (DNS
rebinding), and may post to any address without reading the answer. The browser tells of both: in
``Host``, and in ``Origin``.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class WebPageGuard:
    """ASGI middleware that refuses hosts of other machines, and pages at what only programs use.

    Parameters
    ----------
    control
        Where the paths begin that no page of the stack asks for.
    """

    def __init__(self, app: ASGIApp, control: str) -> None:
        self._app = app
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket, or the lifespan."""
        if reason := self._find_reason(scope):
            await PlainTextResponse(reason, 403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _find_reason(self, scope: Scope) -> str | None:
        if scope["type"] not in {"http", "websocket"}:
            return None
        headers = Headers(scope=scope)
        if not is_own_host(headers.get("host", "")):
            return "This server answers at localhost and at addresses, not at this name."
        if "origin" in headers and scope["path"].startswith(self._control):
            return "This server's controls are not for web pages."
        return None


def is_own_host(host: str) -> bool:
    """Return whether no DNS was asked for a ``Host`` header's value: localhost, or an address."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        # Containers come by the address of this machine in their network.
        ip_address(name)
    except ValueError:
        return False
    return True
