"""Answers DNS queries for the API names of AWS and Google Cloud with the addresses of the emulated clouds. Clients in
the sandbox therefore never connect to the real clouds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import SOA, A

from emulation.dns.zones import Found, Zone, start_of_authority
from emulation.layout import ClientLocation, Sandbox

_TTL_SECONDS = 5


@dataclass
class StandIn:
    """A DNS zone that resolves the API host names of a real cloud to the address of the emulated cloud.

    `origin` is the zone's name, such as `amazonaws.com` (RFC 1035, section 5). `address` is a function. For a client
    location (a place that clients connect from), it returns the address of all names below `origin`.
    """

    origin: dns.name.Name
    address: Callable[[ClientLocation], str]
    soa: dns.rrset.RRset = field(init=False)

    def __post_init__(self) -> None:
        self.soa = start_of_authority(self.origin)

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Found:
        if name == self.origin:
            return Found(self.soa if rdtype == SOA else None)
        if rdtype != A:
            return Found()
        rrset = dns.rrset.from_text(name, _TTL_SECONDS, dns.rdataclass.IN, A, self.address(client))
        return Found(rrset)


def stand_ins(sandbox: Sandbox) -> list[Zone]:
    """Returns the DNS zones that resolve the API host names of AWS and Google Cloud to the emulated clouds."""
    return [
        StandIn(dns.name.from_text("amazonaws.com"), lambda _: sandbox.aws_address),
        StandIn(dns.name.from_text("googleapis.com"), lambda _: sandbox.gcp_address),
    ]
