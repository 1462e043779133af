"""Let containers reach the laptop stack: ``python -m local.relay ADDRESS NETWORK PORT...``.

The stack listens on loopback, which containers do not share. The relay listens on the same ports of
this machine's address in the containers' network, and serves only that network.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from local.config import HOST

CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_S = 5.0


async def relay(
    network: IPv4Network | IPv6Network,
    port: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Join a connection from the network with one to the same port of loopback; refuse others."""
    try:
        if ip_address(writer.get_extra_info("peername")[0]) not in network:
            return
        connecting = asyncio.open_connection(HOST, port)
        inner_reader, inner_writer = await asyncio.wait_for(connecting, CONNECT_TIMEOUT_S)
        try:
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        finally:
            inner_writer.close()
    except OSError:
        # The service is down, or one side has closed: the other side sees its connection end.
        return
    finally:
        writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(address: str, network: str, ports: Sequence[int]) -> None:
    """Relay the ports of an address for ever, for clients in a network (CIDR)."""
    allowed = ip_network(network)
    servers = [
        await asyncio.start_server(partial(relay, allowed, port), address, port) for port in ports
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> int:
    """Relay until a signal; return the exit status."""
    address, network, *ports = sys.argv[1:]
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(serve(address, network, [int(port) for port in ports]))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
