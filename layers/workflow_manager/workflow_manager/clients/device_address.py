"""Which devices may be sent a scan directly: those at an IP address in the allowed networks.

Devices of generation A register without authentication, and choose what address they name.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from workflow_manager.domain.errors import PermissionDeniedError

MAX_PORT = 65_535


def check_device_address(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> str:
    """Return the host and port of a URL for a device's address.

    Parameters
    ----------
    address
        ``{ip}`` or ``{ip}:{port}``, as the device named it.
    networks
        Where devices may be.

    Raises
    ------
    PermissionDeniedError
        It is no IP address, or lies elsewhere.
    """
    try:
        ip, port = _parse(address)
    except ValueError:
        # The address itself is not repeated: whoever registers a device chooses that text.
        raise PermissionDeniedError("Not started: the device's address is no IP.") from None
    if not any(ip in network for network in networks):
        raise PermissionDeniedError(
            "Not started: the device's address is outside of the allowed networks."
        )
    host = f"[{ip}]" if isinstance(ip, IPv6Address) else str(ip)
    return host if port is None else f"{host}:{port}"


def _parse(address: str) -> tuple[IPv4Address | IPv6Address, int | None]:
    if "%" in address:  # an IPv6 scope may hold anything, a URL's delimiters too
        raise ValueError(address)
    try:
        return ip_address(address), None
    except ValueError:
        host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise ValueError(address)
    return ip_address(host.removeprefix("[").removesuffix("]")), int(port)
