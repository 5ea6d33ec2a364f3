"""Serves the DNS zones of the emulated Cloudflare. A proxied name resolves to the address of the PoP nearest to the
client. On the real Cloudflare, anycast routing connects each client to the nearest PoP. The sandbox has no anycast, so
its DNS server chooses the PoP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import httpx
from dns.rdatatype import SOA, A

from contract.regions import distance
from emulation.dns.zones import Found, start_of_authority
from emulation.layout import POPS, ClientLocation, Pop, Sandbox

_TTL_SECONDS = 5


def nearest_pop(client: ClientLocation, listening: Callable[[Pop], bool]) -> Pop:
    """Emulates anycast: returns the PoP nearest to a client. Considers only the PoPs that run, or all PoPs if none
    runs.
    """
    up = [pop for pop in POPS if listening(pop)] or POPS
    return min(up, key=lambda pop: distance(pop, client))


@dataclass(frozen=True)
class Listed:
    """An active zone that the emulated Cloudflare API lists, with the names of the zone's proxied DNS records."""

    name: str
    proxied: tuple[str, ...]


class CloudflareZones:
    """Lists the active zones of the emulated Cloudflare and their proxied DNS records through the Cloudflare API. A
    read blocks the calling thread until the API answers.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"Authorization": "Bearer dns"}, trust_env=False, timeout=60)

    def read(self) -> tuple[Listed, ...]:
        """Returns the active zones of the emulated Cloudflare account. Raises httpx.HTTPError when the API does not
        answer."""
        return tuple(
            Listed(zone["name"], self._proxied(zone["id"]))
            for zone in self._list("/zones")
            if zone["status"] == "active"
        )

    def _proxied(self, zone: str) -> tuple[str, ...]:
        return tuple(record["name"] for record in self._list(f"/zones/{zone}/dns_records") if record["proxied"])

    def _list(self, path: str) -> list[dict[str, str]]:
        return self._http.get(path).raise_for_status().json()["result"]


@dataclass
class CloudflareZone:
    """A DNS zone of the emulated Cloudflare. `pop_address` returns the address of the PoP that serves clients at a
    client location (a place that clients connect from).
    """

    listed: Listed
    pop_address: Callable[[ClientLocation], str]
    origin: dns.name.Name = field(init=False)
    soa: dns.rrset.RRset = field(init=False)

    def __post_init__(self) -> None:
        self.origin = dns.name.from_text(self.listed.name)
        self.soa = start_of_authority(self.origin)

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Found:
        if name == self.origin and rdtype == SOA:
            return Found(self.soa)
        if name.to_text(omit_final_dot=True).lower() not in self.listed.proxied:
            return Found(rcode=dns.rcode.NOERROR if name == self.origin else dns.rcode.NXDOMAIN)
        if rdtype != A:
            return Found()
        address = self.pop_address(client)
        return Found(dns.rrset.from_text(name, _TTL_SECONDS, dns.rdataclass.IN, A, address), by_place=True)


def cloudflare_zone(sandbox: Sandbox, listed: Listed, listening: Callable[[Pop], bool]) -> CloudflareZone:
    """Returns a DNS zone of the emulated Cloudflare. The zone's proxied names resolve to the nearest PoP that runs."""
    return CloudflareZone(listed, lambda client: sandbox.pop_address(nearest_pop(client, listening)))
