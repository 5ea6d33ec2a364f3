"""Tests the relay of `python -m local serve`. The relay forwards connections to the sandbox's proxy. The tests use real
sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from local.relay import PortTaken, listen

_ADDRESS = "127.0.0.1"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def port_of(server: asyncio.Server) -> int:
    return server.sockets[0].getsockname()[1]


async def answered(handler: Handler, request: bytes) -> bytes:
    """Sends a request through the relay of `python -m local serve` to a test server, which answers it with `handler`.
    Returns the response.

    After the request, the client half-closes the connection: it sends no more data, but still reads the response.
    """
    target = await asyncio.start_server(handler, _ADDRESS, 0)
    relay = await listen(_ADDRESS, 0, (_ADDRESS, port_of(target)))
    reader, writer = await asyncio.open_connection(_ADDRESS, port_of(relay))
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    for each in (writer, relay, target):
        each.close()
    return answer


def test_bytes_pass_in_both_directions_and_the_end_of_the_request_too() -> None:
    async def reversed_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # `read()` returns only at the end of the stream, so the target server answers only if the relay forwards the
        # end of the client's request.
        writer.write((await reader.read())[::-1])
        writer.close()

    request = bytes(range(256)) * 4096
    assert asyncio.run(answered(reversed_request, request)) == request[::-1]


def test_an_answer_that_ends_before_the_request_is_read_arrives() -> None:
    async def refusal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.write_eof()
        await reader.read()
        writer.close()

    assert asyncio.run(answered(refusal, b"CONNECT x:443 HTTP/1.1\r\n\r\n")) == b"HTTP/1.1 403 Forbidden\r\n\r\n"


def test_a_connection_ends_when_the_target_does_not_listen() -> None:
    async def connected() -> bytes:
        target = await asyncio.start_server(lambda reader, writer: None, _ADDRESS, 0)
        port = port_of(target)
        target.close()
        await target.wait_closed()
        relay = await listen(_ADDRESS, 0, (_ADDRESS, port))
        reader, writer = await asyncio.open_connection(_ADDRESS, port_of(relay))
        answer = await reader.read()
        for each in (writer, relay):
            each.close()
        return answer

    assert asyncio.run(connected()) == b""


def test_a_taken_port_is_named_with_the_way_out() -> None:
    async def twice() -> None:
        first = await listen(_ADDRESS, 0, (_ADDRESS, 1))
        try:
            with pytest.raises(PortTaken, match=rf"{_ADDRESS}:{port_of(first)}: .* --port"):
                await listen(_ADDRESS, port_of(first), (_ADDRESS, 1))
        finally:
            first.close()

    asyncio.run(twice())
