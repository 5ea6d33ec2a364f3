"""Answers DNS questions: finds the zone of a name, and follows CNAME records as long as their targets are in zones of
the DNS server of the sandbox (emulated clouds).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.SOA import SOA
from dns.rdtypes.IN.A import A

from emulation.dns.zones import Found, Zone
from emulation.layout import CLIENT_LOCATIONS, ClientLocation

_CNAMES_IN_A_ROW = 8

# The DNS server assumes this client location for clients outside of all known subnets. A client location is a place
# that clients connect from, and each location has a subnet. Real GeoIP databases also guess the location of some
# clients.
DEFAULT_CLIENT_LOCATION = CLIENT_LOCATIONS[0]


def client_location_of(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> ClientLocation | None:
    """Returns the client location (a place that clients connect from) whose subnet contains the network of a DNS
    client, or None if no subnet contains it.
    """
    if isinstance(network, ipaddress.IPv6Network):
        return None
    return next((v for v in CLIENT_LOCATIONS if network.subnet_of(ipaddress.IPv4Network(v.subnet))), None)


@dataclass
class Answer:
    """The answer to one DNS question. `by_place` is true when a client at another location can get another answer."""

    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    authoritative: bool = True
    by_place: bool = False
    answer: list[dns.rrset.RRset] = field(default_factory=list[dns.rrset.RRset])
    authority: list[dns.rrset.RRset] = field(default_factory=list[dns.rrset.RRset])


class Authority:
    """Answers DNS questions from all DNS zones of the sandbox (emulated clouds on this machine)."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self._zones = {zone.origin: zone for zone in zones}

    def zone_of(self, name: dns.name.Name) -> Zone | None:
        """Returns the DNS zone that a name belongs to: the zone with the longest matching origin, or None."""
        enclosing = (dns.name.Name(name.labels[step:]) for step in range(len(name)))
        return next((self._zones[origin] for origin in enclosing if origin in self._zones), None)

    def answer(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Answer:
        """Returns the answer to a DNS question of class IN. The response code is REFUSED when no zone of the server
        contains the name.
        """
        if self.zone_of(name) is None:
            return Answer(rcode=dns.rcode.REFUSED, authoritative=False)
        answer = Answer()
        seen: list[dns.name.Name] = []
        while (zone := self.zone_of(name)) and name not in seen and len(seen) < _CNAMES_IN_A_ROW:
            seen.append(name)
            found = zone.find(name, rdtype, client)
            _add(answer, zone, found)
            if found.rrset is None or found.rrset.rdtype != dns.rdatatype.CNAME or rdtype == dns.rdatatype.CNAME:
                return answer
            name = cast(CNAME, found.rrset[0]).target
        return answer

    def addresses(self, name: str, client: ClientLocation) -> list[str]:
        """Returns the IPv4 addresses that clients at a client location (a place that clients connect from) get for a
        DNS name.
        """
        return addresses_in(self.answer(dns.name.from_text(name), dns.rdatatype.A, client).answer)


def addresses_in(rrsets: Iterable[dns.rrset.RRset]) -> list[str]:
    """Returns all IPv4 addresses in one section of a DNS answer."""
    records = [rrset for rrset in rrsets if rrset.rdtype == dns.rdatatype.A]
    return [data.address for rrset in records for data in cast("list[A]", list(rrset))]


def _add(answer: Answer, zone: Zone, found: Found) -> None:
    answer.rcode = found.rcode
    answer.by_place = answer.by_place or found.by_place
    if found.delegated and found.rrset is not None:
        answer.authoritative = bool(answer.answer)
        answer.authority.append(found.rrset)
    elif found.rrset is not None:
        answer.answer.append(found.rrset)
    elif found.rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        answer.authority.append(_negative(zone.soa))
    else:
        answer.authoritative = False


def _negative(soa: dns.rrset.RRset) -> dns.rrset.RRset:
    """Returns the SOA record for a negative DNS answer.

    The TTL of the returned record is the lower of two values: the zone's SOA TTL, and the last field of the zone's SOA
    record (RFC 2308).
    """
    return dns.rrset.from_rdata_list(soa.name, min(soa.ttl, cast(SOA, soa[0]).minimum), list(soa))
