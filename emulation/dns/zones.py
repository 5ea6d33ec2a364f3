"""Finds the records for a DNS query in the hosted zones of the emulated Route 53. The result depends on the queried
name, the record type and the client's address.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import CNAME, NS, SOA, A

from emulation.dns import routing
from emulation.dns.records import Alias, RecordSet, RefusedRecord, parse
from emulation.layout import ClientLocation

_log = logging.getLogger(__name__)

# The data of the SOA record of each Route 53 zone, from the Route 53 Developer Guide. The SOA record of moto, which
# emulates AWS, cannot be parsed.
_SOA = "ns-2048.awsdns-64.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
_SOA_TTL = 900
_ALIASES_IN_A_ROW = 8
# The TTL of DNS answers for a Route 53 alias that refers to an accelerator, in seconds. AWS documents no value. The
# emulation uses the same TTL as for an alias of a load balancer.
_ACCELERATOR_TTL = 60

# Maps the DNS name of an accelerator of Global Accelerator, without the final dot, to the accelerator's IP addresses.
Accelerators = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Found:
    """The result of a search for a DNS name in a zone: either records, or a response code that states why there are no
    records.

    `delegated` is true when the zone delegates the name to other name servers. The records are then the NS records of
    the delegation.
    """

    rrset: dns.rrset.RRset | None = None
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR
    delegated: bool = False
    by_place: bool = False


class Zone(Protocol):
    """A DNS zone from which the DNS server of the sandbox (emulated clouds) answers queries."""

    @property
    def origin(self) -> dns.name.Name: ...

    @property
    def soa(self) -> dns.rrset.RRset: ...

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Found: ...


def start_of_authority(origin: dns.name.Name) -> dns.rrset.RRset:
    """Returns the SOA record of a DNS zone. Negative answers contain this record too."""
    return dns.rrset.from_text(origin, _SOA_TTL, dns.rdataclass.IN, SOA, _SOA)


_Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


@dataclass
class HostedZone:
    """A hosted zone of the emulated Route 53, from which the DNS server answers.

    `healthy` is a function that takes the id of a health check and returns whether the check is healthy. The zone calls
    `healthy` for each DNS answer, because the state of a health check can change. `accelerators` maps the DNS name of
    each accelerator of Global Accelerator to the accelerator's addresses.
    """

    origin: dns.name.Name
    healthy: Callable[[str], bool]
    random: Random
    groups: Mapping[_Key, Sequence[RecordSet]]
    refused: Mapping[_Key, str]
    accelerators: Accelerators = field(default_factory=dict[str, Sequence[str]])
    soa: dns.rrset.RRset = field(init=False)
    _names: set[dns.name.Name] = field(init=False)

    def __post_init__(self) -> None:
        self.soa = start_of_authority(self.origin)
        owners = {name for name, _ in (*self.groups, *self.refused)}
        # A name exists if records exist below the name, even if the name itself has no records (RFC 4592, section
        # 2.2.2).
        self._names = {above for owner in owners for above in _ancestors(owner, self.origin)}

    def find(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, client: ClientLocation) -> Found:
        for above in _ancestors(name, self.origin)[:-1]:
            if cut := self.groups.get((above, NS)):
                return Found(_rrset(above, cut), delegated=True)
        if name == self.origin and rdtype == SOA:
            return Found(self.soa)
        owner = self._owner(name)
        if owner is None:
            return Found(rcode=dns.rcode.NXDOMAIN)
        key = (owner, rdtype)
        if key not in self.groups and key not in self.refused:
            key = (owner, CNAME)
        return self._resolve(name, key, client, ())

    def _owner(self, name: dns.name.Name) -> dns.name.Name | None:
        """Returns the name of the DNS records that answer a query: the queried name itself, the wildcard that covers it
        (RFC 4592), or None.
        """
        if name in self._names:
            return name
        closest = next(above for above in _ancestors(name, self.origin) if above in self._names or above == self.origin)
        wildcard = dns.name.Name((b"*", *closest.labels))
        return wildcard if wildcard in self._names else None

    def _resolve(self, name: dns.name.Name, key: _Key, client: ClientLocation, via: tuple[_Key, ...]) -> Found:
        if key in self.refused or key in via or len(via) > _ALIASES_IN_A_ROW:
            return Found(rcode=dns.rcode.SERVFAIL)
        group = self.groups.get(key)
        if not group:
            return Found()
        by_place = routing.depends_on_place(group)
        chosen = routing.choose(group, client, self._is_healthy, self.random)
        if chosen and (alias := chosen[0].alias) and alias.is_accelerator:
            return self._accelerator(name, key[1], alias, by_place)
        if chosen and (alias := chosen[0].alias):
            found = self._resolve(name, (alias.target, key[1]), client, (*via, key))
            return Found(found.rrset, found.rcode, by_place=by_place or found.by_place)
        return Found(_rrset(name, chosen) if chosen else None, by_place=by_place)

    def _accelerator(self, name: dns.name.Name, rdtype: dns.rdatatype.RdataType, alias: Alias, by_place: bool) -> Found:
        """Returns the two IP addresses of an accelerator of Global Accelerator. All clients get the same addresses,
        which are anycast addresses.
        """
        addresses = self.accelerators.get(alias.target.to_text(omit_final_dot=True).lower())
        if rdtype != A or not addresses:
            return Found(by_place=by_place)
        rrset = dns.rrset.from_text_list(name, _ACCELERATOR_TTL, dns.rdataclass.IN, A, list(addresses))
        return Found(rrset, by_place=by_place)

    def _is_healthy(self, record: RecordSet, via: tuple[Alias, ...] = ()) -> bool:
        """Returns whether a DNS record is healthy.

        The record's health check must be healthy. If the record is an alias that evaluates the health of its target, at
        least one record of the target must be healthy too.
        """
        if record.health_check and not self.healthy(record.health_check):
            return False
        alias = record.alias
        if alias is None or not alias.evaluate_target_health or alias in via:
            return True
        targets = self.groups.get((alias.target, record.type), [])
        return any(self._is_healthy(target, (*via, alias)) for target in targets)


def hosted_zone(
    raw: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]],
    refused_checks: Mapping[str, str],
    healthy: Callable[[str], bool],
    random: Random,
    accelerators: Accelerators,
) -> HostedZone:
    """Returns a DNS zone that is built from the API listings of Route 53.

    Records that are not emulated are logged, and queries for them are answered with SERVFAIL.
    """
    groups: defaultdict[_Key, list[RecordSet]] = defaultdict(list)
    refused: dict[_Key, str] = {}
    for each in records:
        if each["Type"] == "SOA":
            continue
        key = (dns.name.from_text(each["Name"]), dns.rdatatype.from_text(each["Type"]))
        try:
            record = parse(each, raw["Id"].removeprefix("/hostedzone/"))
            _check(record, groups[key], refused_checks)
            groups[key].append(record)
        except RefusedRecord as error:
            _log.error("%s; the name is answered with SERVFAIL", error)
            refused[key] = str(error)
    kept = {key: group for key, group in groups.items() if group and key not in refused}
    return HostedZone(dns.name.from_text(raw["Name"]), healthy, random, kept, refused, accelerators)


def _check(record: RecordSet, others: Sequence[RecordSet], refused_checks: Mapping[str, str]) -> None:
    title = f"{record.name} {dns.rdatatype.to_text(record.type)}"
    if record.health_check and record.health_check in refused_checks:
        raise RefusedRecord(f"{title}: {refused_checks[record.health_check]}")
    if others and type(others[0].policy) is not type(record.policy):
        raise RefusedRecord(f"{title}: record sets of one name and type must have one routing policy")


def _ancestors(name: dns.name.Name, origin: dns.name.Name) -> list[dns.name.Name]:
    """Returns a DNS name and all its parent names up to the origin of the zone. The origin is the last name of the
    list.
    """
    steps = len(name) - len(origin)
    return [dns.name.Name(name.labels[step:]) for step in range(steps + 1)]


def _rrset(name: dns.name.Name, records: Sequence[RecordSet]) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(
        name, min(record.ttl for record in records), [value for record in records for value in record.values]
    )
