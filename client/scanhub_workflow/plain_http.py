"""Whether a token or a password would go over the network in clear."""

from __future__ import annotations

import ipaddress
import os

import httpx

from scanhub_workflow.errors import ConfigurationError

PLAIN_HTTP_VARIABLE = "SCANHUB_WORKFLOW_ALLOW_HTTP"


def refuse_plain_http(url: httpx.URL) -> None:
    """Let no secret go to a URL on which others in the network could read it.

    Parameters
    ----------
    url
        Of the API, or of ScanHub's login.

    Raises
    ------
    ConfigurationError
        It is plain HTTP to another computer, and nobody has allowed that.
    """
    if is_in_clear(url) and not is_plain_http_allowed():
        raise ConfigurationError(
            f"Others in the network could read your login on its way to {url.host}: use https://. "
            f"In a network that you trust, set {PLAIN_HTTP_VARIABLE}=1."
        )


def is_in_clear(url: httpx.URL) -> bool:
    """Return whether requests leave this computer by plain HTTP.

    Parameters
    ----------
    url
        Where they go.
    """
    return url.scheme == "http" and not _is_loopback(url.host)


def is_plain_http_allowed() -> bool:
    """Return whether the user has allowed it, by a variable of the environment."""
    return os.environ.get(PLAIN_HTTP_VARIABLE, "").strip() == "1"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name may lead anywhere, whatever it begins with.
        return False
