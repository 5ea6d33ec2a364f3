"""Sends queries to the DNS server of a sandbox (emulated clouds). A query can contain the subnet of a client location.
Some real resolvers also send the client's subnet (RFC 7871).
"""

from __future__ import annotations

import dns.asyncquery
import dns.edns
import dns.exception
import dns.message
import dns.query
import dns.rcode

from emulation.dns.answers import addresses_in
from emulation.layout import CLIENT_LOCATIONS, DNS_PORT, POP_HTTPS_PORT, ClientLocation, Sandbox

_TIMEOUT_SECONDS = 5.0


def listening_port(port: int) -> int:
    """Returns the port at which an emulated server of the sandbox listens. `port` is the port of the real server.

    The two ports differ only for port 443, because only root may listen at port 443.
    """
    return POP_HTTPS_PORT if port == 443 else port


def client_location(name: str) -> ClientLocation:
    """Returns the client location (a place that clients connect from) with this name. If no client location has the
    name, raises LookupError with a message that lists the valid names.
    """
    for each in CLIENT_LOCATIONS:
        if each.name == name:
            return each
    raise LookupError(f"no client location {name!r}; there are {', '.join(each.name for each in CLIENT_LOCATIONS)}")


def question(name: str, rdtype: str, seen_from: ClientLocation | None) -> dns.message.Message:
    """Returns a DNS query for a name. If a client location (a place that clients connect from) is given, the query
    contains its subnet (RFC 7871).
    """
    if seen_from is None:
        return dns.message.make_query(name, rdtype, use_edns=0)
    address, _, length = seen_from.subnet.partition("/")
    return dns.message.make_query(name, rdtype, use_edns=0, options=[dns.edns.ECSOption(address, int(length))])


def send_query(sandbox: Sandbox, query: dns.message.Message) -> dns.message.Message:
    """Sends a query to the DNS server of a sandbox (emulated clouds) and returns the answer. The query is repeated over
    TCP when the answer is too long for UDP.

    Raises dns.exception.DNSException or OSError when the server does not answer.
    """
    return dns.query.udp_with_fallback(query, sandbox.dns_address, _TIMEOUT_SECONDS, DNS_PORT)[0]


async def addresses(server: str, port: int, name: str, seen_from: ClientLocation) -> tuple[dns.rcode.Rcode, list[str]]:
    """Queries a DNS server for a name. Returns the response code and the IPv4 addresses that the server answers to
    clients at the location `seen_from`.
    """
    query = question(name, "A", seen_from)
    answer, _ = await dns.asyncquery.udp_with_fallback(query, server, _TIMEOUT_SECONDS, port)
    return answer.rcode(), addresses_in(answer.answer)


def ready(sandbox: Sandbox) -> bool:
    """Returns whether the DNS server of a sandbox (emulated clouds) answers queries. The start of the sandbox waits
    until this function returns true.
    """
    query = dns.message.make_query("version.bind", "TXT", "CH")
    try:
        return bool(dns.query.udp(query, sandbox.dns_address, 1.0, DNS_PORT).answer)
    except (dns.exception.DNSException, OSError):
        return False
