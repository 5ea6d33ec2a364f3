"""Tests the HTTP proxies that make a client appear to be in a chosen location. The tests open CONNECT tunnels through
these proxies to a TLS listener. Only the sandbox's DNS server can resolve the listener's name.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.name
import httpx
import pytest

from emulation.dns import zones
from emulation.dns.answers import Authority
from emulation.dns.client_locations import ClientLocationProxy
from emulation.dns.server import DnsServer
from emulation.dns.stand_ins import StandIn
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT, ClientLocation
from tests.support.tls import server_context

US, EU, _ = CLIENT_LOCATIONS
PROXY, DNS = "127.98.0.12", "127.98.0.53"
HOST = "packages.example.test"
POPS = {US.name: "127.98.1.101", EU.name: "127.98.1.102"}
SENT = bytes(range(256)) * 4096  # 1 MiB of data that a test sends through a proxy.


@dataclass
class Place:
    """Provides the HTTP proxy for clients at the client location eu-west (a place in the sandbox that clients connect
    from), and one TLS listener for each PoP.

    Each listener responds with the address of its PoP and the address of its client.
    """

    proxy: int
    trust: ssl.SSLContext

    async def connect(self, target: str) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """Sends a CONNECT request to a proxy. Returns the status line and headers of the response, and the tunnel's
        reader and writer.
        """
        reader, writer = await asyncio.open_connection(PROXY, self.proxy)
        writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return (await reader.readuntil(b"\r\n\r\n")).decode(), reader, writer


@asynccontextmanager
async def proxied_listeners(directory: Path, connections: int = 8) -> AsyncGenerator[Place]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        own, client = (str(writer.get_extra_info(end)[0]) for end in ("sockname", "peername"))
        body = f"{own} {client}\n".encode() + SENT
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    zone: zones.Zone = StandIn(dns.name.from_text("example.test"), _pop_of)
    dns_port = await DnsServer(lambda: Authority([zone])).serve(DNS, 0)
    proxy = ClientLocationProxy(EU, (DNS, dns_port), lambda name: name.endswith(".example.test"), connections)
    tls = server_context(directory, HOST)
    listeners = [await asyncio.start_server(serve, pop, POP_HTTPS_PORT, ssl=tls) for pop in POPS.values()]
    yield Place(await proxy.serve(PROXY, 0), ssl.create_default_context(cafile=directory / "certificate.pem"))
    for listener in listeners:
        listener.close()


def _pop_of(client: ClientLocation) -> str:
    return POPS[client.name]


def test_a_client_behind_the_proxy_reaches_the_place_that_dns_gives_to_its_client_location(tmp_path: Path) -> None:
    async def fetch() -> bytes:
        async with proxied_listeners(tmp_path) as place:
            proxy = f"http://{PROXY}:{place.proxy}"
            async with httpx.AsyncClient(proxy=proxy, verify=place.trust, trust_env=False) as client:
                return (await client.get(f"https://{HOST}/")).content

    addresses, _, body = asyncio.run(fetch()).partition(b"\n")
    assert addresses.decode().split() == [POPS[EU.name], PROXY]
    assert hashlib.sha256(body).digest() == hashlib.sha256(SENT).digest()


@pytest.mark.parametrize(
    ("request_line", "status", "reason"),
    [
        ("CONNECT registry.npmjs.example:443 HTTP/1.1", "403", "registry.npmjs.example is in no zone of this sandbox"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", "403", "127.0.0.1 is in no zone of this sandbox"),
        ("CONNECT closed.example.test:9 HTTP/1.1", "502", f"is at {POPS[EU.name]}:9, which does not answer"),
        ("CONNECT packages.example.test HTTP/1.1", "400", "packages.example.test is not <host>:<port>"),
        ("CONNECT a..b:443 HTTP/1.1", "400", "a..b is not a host name"),
        ("GET http://packages.example.test/ HTTP/1.1", "405", "only CONNECT is accepted"),
    ],
)
def test_other_requests_are_refused_with_a_clear_message(
    tmp_path: Path, request_line: str, status: str, reason: str
) -> None:
    async def send_query() -> str:
        async with proxied_listeners(tmp_path) as place:
            reader, writer = await asyncio.open_connection(PROXY, place.proxy)
            writer.write(f"{request_line}\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            return answer.decode()

    answer = asyncio.run(send_query())
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert reason in answer


def test_connections_are_limited_and_a_closed_one_frees_a_place(tmp_path: Path) -> None:
    async def send_query() -> list[str]:
        async with proxied_listeners(tmp_path, connections=1) as place:
            first, reader, writer = await place.connect(f"{HOST}:443")
            second, _, refused = await place.connect(f"{HOST}:443")
            refused.close()
            writer.close()
            await reader.read()
            third = ""
            async with asyncio.timeout(20):
                while "200" not in third:
                    third, _, writer = await place.connect(f"{HOST}:443")
                    writer.close()
            return [head.split(" ")[1] for head in (first, second, third)]

    assert asyncio.run(send_query()) == ["200", "503", "200"]


def test_a_half_closed_connection_still_receives_data(tmp_path: Path) -> None:
    """Checks that a client can close its sending direction and still receive data. The listener responds only after it
    has read until the end of the client's data.
    """

    async def send_query() -> bytes:
        async with proxied_listeners(tmp_path) as place:

            async def digest(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(hashlib.sha256(await reader.read()).digest())
                writer.close()

            listener = await asyncio.start_server(digest, POPS[EU.name], 0)
            port = listener.sockets[0].getsockname()[1]
            _, reader, writer = await place.connect(f"{HOST}:{port}")
            writer.write(SENT)
            writer.write_eof()
            return await reader.read()

    assert asyncio.run(send_query()) == hashlib.sha256(SENT).digest()
