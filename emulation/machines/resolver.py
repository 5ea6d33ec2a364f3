"""Takes the place of the DNS resolver of a machine's network: passes one machine's queries on to the sandbox's DNS.

The C library asks resolvers at port 53 only (resolv.conf(5)), and the sandbox's DNS has another port.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from emulation.layout import DNS_PORT, Sandbox

_PORT = 53
_LARGEST_MESSAGE = 65535
_SECONDS = 4.0


def main(
    directory: Annotated[Path, typer.Option(help="the sandbox's directory")],
    address: Annotated[str, typer.Option(help="the machine's address")],
) -> None:
    sandbox = Sandbox(directory=directory)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, _PORT))
        while True:
            query, machine = server.recvfrom(_LARGEST_MESSAGE)
            # Errors are ignored, because the machine's DNS client repeats a query that gets no answer.
            with suppress(OSError):
                server.sendto(_answer(sandbox, query), machine)


def _answer(sandbox: Sandbox, query: bytes) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(_SECONDS)
        upstream.connect((sandbox.dns_address, DNS_PORT))
        upstream.send(query)
        return upstream.recv(_LARGEST_MESSAGE)


if __name__ == "__main__":
    typer.run(main)
