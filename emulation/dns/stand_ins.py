"""Answers for internet names of other owners, so that every step of a client's name resolution stays local."""

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
    """A zone in which every name below the origin has the address `address(client)`.

    `by_place` is true when the address depends on the client location.
    """

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
    """Emulates anycast: returns the nearest PoP that is up, or the nearest of all PoPs when none is up."""
    up = [pop for pop in POPS if listening(pop)] or POPS
    return min(up, key=lambda pop: distance(pop, client))


def stand_ins(sandbox: Sandbox, listening: Callable[[Pop], bool]) -> list[Zone]:
    """Returns the zones for the edge network's anycast names and for the AWS and Google Cloud API names."""
    return [
        StandIn(
            dns.name.from_text("cdn.cloudflare.net"),
            lambda client: sandbox.pop_address(nearest_pop(client, listening)),
            by_place=True,
        ),
        StandIn(dns.name.from_text("amazonaws.com"), lambda _: sandbox.aws_address),
        StandIn(dns.name.from_text("googleapis.com"), lambda _: sandbox.gcp_address),
    ]
