"""Runs the HTTP proxies of the client locations. npm, pip and skopeo use the proxies, because these clients cannot be
set to use a certain DNS server.

The proxies accept only the HTTP method CONNECT. The TLS connection of a client therefore ends at the edge, and not at
the proxy. A proxy resolves the requested host name at the sandbox's DNS server. The query contains the subnet of the
client location. A proxy connects only to names in zones of the emulated Route 53.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import dns.exception
import dns.name
import dns.rcode

from emulation.dns.client import addresses, listening_port
from emulation.layout import ClientLocation
from emulation.tunnels import Streams, join

_log = logging.getLogger(__name__)

_CONNECTIONS = 512
_HEAD_BYTES = 65536
_HEAD_SECONDS = 10.0
_CONNECT_SECONDS = 5.0


class Refused(Exception):
    """Raised when the HTTP proxy of a client location (a place that clients connect from) refuses a connection. The
    client gets an HTTP answer with `status` and the error's message.
    """

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class ClientLocationProxy:
    """The HTTP proxy of one client location. `ours` is a function that returns whether a name belongs to a zone of the
    sandbox's emulated Route 53.
    """

    client_location: ClientLocation
    dns_server: tuple[str, int]
    ours: Callable[[str], bool]
    connections: int = _CONNECTIONS

    def __post_init__(self) -> None:
        self._open = 0

    async def serve(self, address: str, port: int) -> int:
        """Starts the HTTP proxy for clients at one client location (docs/terms.md), and returns its port.

        The proxy runs as long as the event loop. With port 0, the system chooses a free port.
        """
        server = await asyncio.start_server(self._serve_client, address, port, limit=_HEAD_BYTES)
        return server.sockets[0].getsockname()[1]

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            await self._tunnel(reader, writer)
        except Refused as refused:
            _log.info("%s: %s: %s", self.client_location.name, refused.status, refused)
            await _refuse(writer, refused)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # The client has closed the connection or sends nothing more, so the proxy sends no answer.
        finally:
            self._open -= 1
            writer.close()

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open > self.connections:
            raise Refused("503 Service Unavailable", f"more than {self.connections} connections at once")
        name, port = await _target(reader)
        server = await self._connect(name, port, writer.get_extra_info("sockname")[0])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await join((reader, writer), server)

    async def _connect(self, name: str, port: int, source: str) -> Streams:
        """Connects the HTTP proxy to the host name that the client requests. `source` is the proxy's IP address. An
        emulated accelerator derives the client's location from this address.
        """
        if not self.ours(name):
            raise Refused("403 Forbidden", f"{name} is in no zone of this sandbox; its proxies refuse other names")
        where = f"{name} from {self.client_location.name}"
        try:
            rcode, found = await addresses(*self.dns_server, name, self.client_location)
        except (dns.exception.DNSException, OSError) as error:
            raise Refused("502 Bad Gateway", f"{where}: DNS: {error}") from error
        if not found:
            raise Refused("502 Bad Gateway", f"{where}: DNS: no address ({dns.rcode.to_text(rcode)})")
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(found[0], listening_port(port), local_addr=(source, 0))
        # This clause also catches the TimeoutError of the connection attempt, which is a subclass of OSError.
        except OSError as error:
            reason = f"{where} is at {found[0]}:{listening_port(port)}, which does not answer: {error}"
            raise Refused("502 Bad Gateway", reason) from error


async def _target(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Reads the CONNECT request that a client sends to the proxy (RFC 9110, section 9.3.6). Returns the host and the
    port that the client wants to connect to. Raises Refused when the request is invalid.
    """
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise Refused("431 Request Header Fields Too Large", f"more than {_HEAD_BYTES} bytes of headers") from error
    method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
    target = rest.partition(" ")[0]
    if method != "CONNECT":
        raise Refused("405 Method Not Allowed", f"{method} {target}: only CONNECT is accepted; use https:// URLs")
    name, _, port = target.rpartition(":")
    if not name or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise Refused("400 Bad Request", f"{target} is not <host>:<port>")
    try:
        return dns.name.from_text(name).to_text(omit_final_dot=True), int(port)
    except dns.exception.DNSException as error:
        raise Refused("400 Bad Request", f"{name} is not a host name: {error}") from error


async def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
    body = f"{refused}\n".encode()
    allow = "Allow: CONNECT\r\n" if refused.status.startswith("405") else ""
    head = (
        f"HTTP/1.1 {refused.status}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode() + body)
        await writer.drain()
    except ConnectionError:
        return
