"""Names that belong to others on the internet, answered here so that a client's whole resolution stays local."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import SOA, A

from contract.regions import distance
from emulation.dns.zones import Found, Zone, start_of_authority
from emulation.layout import POPS, ClientLocation, Pop, Sandbox

_TTL_SECONDS = 5


@dataclass
class StandIn:
    """A zone in which every name beneath the origin has one address, which may depend on the client."""

    origin: dns.name.Name
    address: Callable[[ClientLocation], str]
    by_place: bool = False
    soa: dns.rrset.RRset = field(init=False)

    def __post_init__(self) -> None:
        self.soa = start_of_authority(self.origin)

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Found:
        if name == self.origin:
            return Found(self.soa if rdtype == SOA else None)
        if rdtype != A:
            return Found()
        rrset = dns.rrset.from_text(name, _TTL_SECONDS, dns.rdataclass.IN, A, self.address(client))
        return Found(rrset, by_place=self.by_place)


def nearest_pop(client: ClientLocation, listening: Callable[[Pop], bool]) -> Pop:
    """What anycast does: the nearest point of presence that is up, and the nearest of all when none is."""
    up = [pop for pop in POPS if listening(pop)] or POPS
    return min(up, key=lambda pop: distance(pop, client))


def stand_ins(sandbox: Sandbox, listening: Callable[[Pop], bool]) -> list[Zone]:
    """The edge network's anycast names and the clouds' own."""
    return [
        StandIn(
            dns.name.from_text("cdn.cloudflare.net"),
            lambda client: sandbox.pop_address(nearest_pop(client, listening)),
            by_place=True,
        ),
        StandIn(dns.name.from_text("amazonaws.com"), lambda _: sandbox.aws_address),
        StandIn(dns.name.from_text("googleapis.com"), lambda _: sandbox.gcp_address),
    ]
