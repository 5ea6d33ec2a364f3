"""Listens on a port that other machines can reach, and forwards the connections to a proxy on the loopback network.
`python -m local serve` uses this relay.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

_CHUNK_BYTES = 65536


class PortTaken(Exception):
    """Raised when the relay cannot listen. The message names the address and says how to choose another address."""


def forward(address: str, port: int, target: tuple[str, int]) -> None:
    """Forwards connections from `port` of `address` to `target` until the process receives SIGINT or SIGTERM.

    Raises PortTaken when the function cannot listen on the port.
    """
    asyncio.run(_forward(address, port, target))


async def _forward(address: str, port: int, target: tuple[str, int]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = await listen(address, port, target)
    await ended.wait()
    server.close()


async def listen(address: str, port: int, target: tuple[str, int]) -> asyncio.Server:
    """Returns a TCP server that forwards each connection to `target`, which is an address and a port.

    Raises PortTaken when the address and port cannot be used.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))
        upstream_writer.close()
        writer.close()

    try:
        return await asyncio.start_server(serve, address, port)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {address}:{port}: {error.strerror}; choose another one with --port"
        ) from None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies the bytes that arrive on one connection to another connection. When the sender closes its side, the
    function closes the sending side of the other connection.

    Bytes in the opposite direction can still follow, because each direction of a TCP connection ends separately.
    """
    with suppress(ConnectionError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    with suppress(OSError):
        writer.write_eof()
