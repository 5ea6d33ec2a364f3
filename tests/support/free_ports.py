"""Chooses ports for programs that a test starts."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Returns ports of an IP address at which no program listens. Linux chooses the ports of outgoing connections from
    32,768 on (ip(7)). The returned ports are lower, so no outgoing connection can take a port before the caller listens
    at it.
    """
    found: list[int] = []
    with contextlib.ExitStack() as stack:
        while len(found) < count:
            port = random.randrange(20_000, 32_768)  # noqa: S311
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server((address, port)))
                found.append(port)
    return found


def free_port(address: str = "127.0.0.1") -> int:
    """Returns one free TCP port of an address (see `free_ports`)."""
    return free_ports(1, address)[0]
