"""A client that sends one request after the other over one connection at a fixed pace, and measures how long each
answer takes.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.support.own_pop import HOSTNAME

_PACE_SECONDS = 0.005


@dataclass(frozen=True)
class PacedClient:
    """A client that connects from the loopback address `client`, and requests the object at `path`. The client's token
    permits this request.
    """

    port: int
    authority: Path
    client: str
    path: str
    token: str

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def connect(self, address: str | None = None) -> ssl.SSLSocket:
        """Opens a TLS connection to the PoP. The connection comes from the loopback address `address`, or from
        `self.client` if `address` is None.
        """
        plain = socket.create_connection(
            ("127.0.0.1", self.port), timeout=60, source_address=(address or self.client, 0)
        )
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._context.wrap_socket(plain, server_hostname=HOSTNAME)

    def get(self, connection: ssl.SSLSocket) -> None:
        """Sends a request and reads the answer. If the answer's status is not 200, ends this Python program with an
        error.
        """
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {HOSTNAME}", f"Authorization: Bearer {self.token}", "", ""]
        connection.sendall("\r\n".join(lines).encode())
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += _part(connection)
        head = received[:end].lower()
        if not head.startswith(b"http/1.1 200 "):
            raise SystemExit(f"{self.client} got {head[:200]!r}")
        left = int(head.split(b"content-length: ")[1].split(b"\r\n")[0]) - len(received) + end + 4
        while left > 0:
            left -= len(_part(connection))

    def p99(self, seconds: float) -> float:
        """Sends requests for the given number of seconds. Returns the 99th percentile of their durations in
        milliseconds.
        """
        durations: list[float] = []
        with self.connect() as connection:
            self.get(connection)
            end = time.monotonic() + seconds
            while (started := time.monotonic()) < end:
                self.get(connection)
                took = time.monotonic() - started
                durations.append(took * 1000)
                time.sleep(max(0.0, _PACE_SECONDS - took))
        return percentile(durations, 99)


def percentile(values: Sequence[float], percent: int) -> float:
    """Returns a percentile by the nearest-rank method: the smallest value for which at least `percent` % of all values
    are smaller or equal.
    """
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


def _part(connection: ssl.SSLSocket) -> bytes:
    part = connection.recv(1 << 16)
    if not part:
        raise SystemExit("the PoP ended the connection of a client")
    return part
