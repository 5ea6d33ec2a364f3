"""Copies bytes between two TCP connections, for the processes of a sandbox (emulated clouds) that forward connections
of clients.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

_CHUNK_BYTES = 65536

# The reader and the writer of one TCP connection.
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def join(client: Streams, server: Streams) -> None:
    """Copies bytes from a client's connection to a server's connection and back, until both directions have ended or
    one of the connections is lost. The connection to the server is closed at the end.
    """
    try:
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_pump(client[0], server[1]))
            directions.create_task(_pump(server[0], client[1]))
    except* OSError:
        # The connection to the client or the connection to the server is lost. The `finally` block closes the server's
        # connection. The caller closes the client's connection.
        pass
    finally:
        server[1].close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies bytes from one TCP connection to another TCP connection as they arrive.

    When `reader` ends, only the sending direction of `writer` is closed, because the receiving direction may still
    carry an answer.
    """
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        # This call fails if the connection of `writer` is already lost. The error can be ignored, because the task that
        # copies in the opposite direction ends by itself.
        writer.write_eof()
