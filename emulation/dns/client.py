"""Asking the sandbox's DNS server, as a resolver would that passes its client's subnet on."""

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
    """Where the sandbox listens for a port of the real one: only root may listen on 443."""
    return POP_HTTPS_PORT if port == 443 else port


def client_location(name: str) -> ClientLocation:
    """The client location of that name; LookupError tells which there are."""
    for each in CLIENT_LOCATIONS:
        if each.name == name:
            return each
    raise LookupError(f"no client location {name!r}; there are {', '.join(each.name for each in CLIENT_LOCATIONS)}")


def question(name: str, rdtype: str, seen_from: ClientLocation | None) -> dns.message.Message:
    """A query with the client location's subnet in it (RFC 7871), or without a subnet."""
    if seen_from is None:
        return dns.message.make_query(name, rdtype, use_edns=0)
    address, _, length = seen_from.subnet.partition("/")
    return dns.message.make_query(name, rdtype, use_edns=0, options=[dns.edns.ECSOption(address, int(length))])


def ask(sandbox: Sandbox, query: dns.message.Message) -> dns.message.Message:
    """The server's answer; by TCP where it does not fit into UDP. Raises dns.exception.DNSException or OSError."""
    return dns.query.udp_with_fallback(query, sandbox.dns_address, _TIMEOUT_SECONDS, DNS_PORT)[0]


async def addresses(server: str, port: int, name: str, seen_from: ClientLocation) -> tuple[dns.rcode.Rcode, list[str]]:
    """The response code and the IPv4 addresses of a name, as clients at the client location are told."""
    query = question(name, "A", seen_from)
    answer, _ = await dns.asyncquery.udp_with_fallback(query, server, _TIMEOUT_SECONDS, port)
    return answer.rcode(), addresses_in(answer.answer)


def ready(sandbox: Sandbox) -> bool:
    """Whether the server answers, for `processes.start(ready=…)`."""
    query = dns.message.make_query("version.bind", "TXT", "CH")
    try:
        return bool(dns.query.udp(query, sandbox.dns_address, 1.0, DNS_PORT).answer)
    except (dns.exception.DNSException, OSError):
        return False
