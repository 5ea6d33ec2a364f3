"""Forwards the connections of clients to the endpoints of an accelerator."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from emulation.accelerators.configuration import Endpoint
from emulation.dns.client import listening_port
from emulation.tunnels import join

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 5.0

# A function that returns the endpoint for a connection from a client's IP address, or None if there is no endpoint.
Choose = Callable[[str], Endpoint | None]


async def listen(address: str, port: int, choose: Choose) -> asyncio.Server:
    """Accepts connections at a static address and a port. Forwards each connection to the endpoint that `choose`
    returns.

    If the endpoint has `preserves_address`, it sees the client's IP address with a different source port. Otherwise,
    the endpoint sees the static address. If a connection cannot be forwarded, it is closed.
    """

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client: str = writer.get_extra_info("peername")[0]
        endpoint = choose(client)
        if endpoint is None or not endpoint.address:
            _log.info("%s:%d has no endpoint for %s", address, port, client)
            writer.transport.abort()
            return
        source = client if endpoint.preserves_address else address
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                server = await asyncio.open_connection(endpoint.address, listening_port(port), local_addr=(source, 0))
        # This clause also handles the timeout of the connection attempt, because TimeoutError is a subclass of OSError.
        except OSError as error:
            _log.info("%s (%s) does not accept a connection of %s: %s", endpoint.id, endpoint.address, client, error)
            writer.transport.abort()
            return
        try:
            await join((reader, writer), server)
        finally:
            writer.close()

    return await asyncio.start_server(forward, address, listening_port(port))
