"""Receives DNS messages over UDP and TCP and answers them from the zones of the sandbox (emulated clouds)."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from emulation.dns.answers import DEFAULT_CLIENT_LOCATION, Answer, Authority, client_location_of
from emulation.layout import CLIENT_LOCATIONS, ClientLocation

_log = logging.getLogger(__name__)

# The largest DNS answer over UDP, in bytes, that common networks carry without fragmentation (dnsflagday.net/2020).
_UDP_PAYLOAD = 1232
# The largest DNS answer over UDP, in bytes, for clients without EDNS (RFC 1035, section 4.2.1).
_PLAIN_UDP_PAYLOAD = 512
_TCP_PAYLOAD = 65535
_TCP_IDLE_SECONDS = 10.0
_VERSION = "artifact-edge emulation.dns"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class DnsServer:
    """The DNS server of a sandbox (emulated clouds), which answers from the zones that `authority` returns. The server
    calls `authority` for each query, because the zones can change.
    """

    def __init__(self, authority: Callable[[], Authority]) -> None:
        self._authority = authority

    async def serve(self, address: str, port: int) -> int:
        """Starts the DNS server on UDP and TCP and returns its port. The server runs as long as the event loop.

        With port 0, the system chooses a free port.
        """
        tcp = await asyncio.start_server(self._serve_connection, address, port)
        port = tcp.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=(address, port))
        return port

    def respond(self, wire: bytes, source: str, *, udp: bool) -> bytes | None:
        """Returns the answer to one DNS message. Returns None for a message that is too short, and for a message that
        is itself a response.
        """
        try:
            query = dns.message.from_wire(wire)
        except dns.message.ShortHeader:
            return None
        except (dns.exception.DNSException, ValueError):
            return _format_error(wire)
        if query.flags & dns.flags.QR:
            # The flag QR marks a DNS response. The server ignores responses. Otherwise, two DNS servers could answer
            # each other forever.
            return None
        return _to_wire(self._response(query, source), query, udp=udp)

    def _response(self, query: dns.message.Message, source: str) -> dns.message.Message:
        response = dns.message.make_response(query, our_payload=_UDP_PAYLOAD)
        if query.edns > 0:
            response.use_edns(0, payload=_UDP_PAYLOAD)
            response.set_rcode(dns.rcode.BADVERS)
        elif query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        elif query.question[0].rdclass == dns.rdataclass.CH:
            _answer_version(query.question[0], response)
        else:
            self._answer(query, response, source)
        return response

    def _answer(self, query: dns.message.Message, response: dns.message.Message, source: str) -> None:
        question = query.question[0]
        options: Sequence[dns.edns.Option] = cast(Any, query).options
        subnet = next((option for option in options if isinstance(option, dns.edns.ECSOption)), None)
        if subnet is not None and subnet.scopelen:
            # Only an answer may set the scope of the client subnet option (RFC 7871, section 7.1.2). A query that sets
            # the scope is therefore malformed.
            response.set_rcode(dns.rcode.FORMERR)
            return
        if question.rdclass != dns.rdataclass.IN or dns.rdatatype.is_metatype(question.rdtype):
            # The server answers only questions of class IN. It also refuses queries of type ANY (RFC 8482) and zone
            # transfers.
            response.set_rcode(dns.rcode.REFUSED)
            return
        network = _network(subnet, source)
        answer = self._authority().answer(
            question.name, question.rdtype, client_location_of(network) or DEFAULT_CLIENT_LOCATION
        )
        _fill(response, answer)
        if subnet is not None:
            scope = _scope(network, answer) if subnet.srclen else 0
            echoed = dns.edns.ECSOption(subnet.address, subnet.srclen, scope)
            response.use_edns(0, payload=_UDP_PAYLOAD, options=[echoed])

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        source: str = writer.get_extra_info("peername")[0]
        try:
            while True:
                async with asyncio.timeout(_TCP_IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2))
                    wire = await reader.readexactly(length)
                response = self.respond(wire, source, udp=False)
                if response is None:
                    break
                writer.write(len(response).to_bytes(2) + response)
                await writer.drain()
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            pass  # The DNS client has closed the connection, or was idle for too long.
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        response = self._server.respond(data, str(addr[0]), udp=True)
        if response is not None:
            self._transport.sendto(response, addr)

    def error_received(self, exc: Exception) -> None:
        _log.warning("UDP: %s", exc)


def _network(subnet: dns.edns.ECSOption | None, source: str) -> Network:
    """Returns the network of a DNS client: the subnet in the query, or the sender's address if the query contains no
    subnet."""
    if subnet is None or not subnet.srclen:
        return ipaddress.ip_network(source)
    return ipaddress.ip_network(f"{subnet.address}/{subnet.srclen}", strict=False)


def _scope(network: Network, answer: Answer) -> int:
    """Returns the prefix length of the network of clients for which a DNS answer is valid (RFC 7871, section 7.2.1).
    The length 0 means that the answer is valid for all clients.
    """
    if not answer.by_place:
        return 0
    known = _overlapping(network)
    return ipaddress.ip_network(known.subnet).prefixlen if known else network.prefixlen


def _overlapping(network: Network) -> ClientLocation | None:
    """Returns a client location whose subnet overlaps a DNS client's network, or None.

    A client location is a place that clients connect from. The client's network can be larger than the subnet of a
    client location.
    """
    if isinstance(network, ipaddress.IPv6Network):
        return None
    return next((v for v in CLIENT_LOCATIONS if network.overlaps(ipaddress.IPv4Network(v.subnet))), None)


def _fill(response: dns.message.Message, answer: Answer) -> None:
    response.set_rcode(answer.rcode)
    if answer.authoritative:
        response.flags |= dns.flags.AA
    response.answer.extend(answer.answer)
    response.authority.extend(answer.authority)


def _answer_version(question: dns.rrset.RRset, response: dns.message.Message) -> None:
    """Answers a DNS query for `version.bind`, which is the common way to ask a name server for its version. Other
    queries of class CH are refused.
    """
    if question.name.to_text() == "version.bind." and question.rdtype == dns.rdatatype.TXT:
        response.answer.append(dns.rrset.from_text(question.name, 0, dns.rdataclass.CH, "TXT", f'"{_VERSION}"'))
    else:
        response.set_rcode(dns.rcode.REFUSED)


def _to_wire(response: dns.message.Message, query: dns.message.Message, *, udp: bool) -> bytes:
    """Encodes a DNS response within the size limit of UDP or TCP.

    A response that is too long is truncated and marked with the flag TC. The flag makes the client repeat the query
    over TCP.
    """
    limit = _TCP_PAYLOAD
    if udp:
        limit = _PLAIN_UDP_PAYLOAD if query.edns < 0 else min(max(query.payload, _PLAIN_UDP_PAYLOAD), _UDP_PAYLOAD)
    return response.to_wire(max_size=limit, prefer_truncation=True)


def _format_error(wire: bytes) -> bytes:
    response = dns.message.Message(int.from_bytes(wire[:2]))
    response.flags = dns.flags.QR
    response.set_rcode(dns.rcode.FORMERR)
    return response.to_wire()
