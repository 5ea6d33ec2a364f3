"""Adds the API operation `TestDNSAnswer` of Route 53, which moto 5.2 lacks, to moto. The operation returns the answer
that clients at a given place get for a DNS query.

Source: Route 53 API Reference, "TestDNSAnswer". Without an address of a resolver or a client, the query comes from a
resolver in `us-east-1`. The sandbox's DNS server supplies the answers.
"""

from __future__ import annotations

import ipaddress
from random import Random
from typing import Any, cast

import dns.name
import dns.rcode
import dns.rdatatype
from moto.core.responses import ActionResult
from moto.route53 import urls
from moto.route53.exceptions import Route53ClientError
from moto.route53.models import FakeZone
from moto.route53.responses import Route53

from emulation.aws.global_accelerator.models import backend_of
from emulation.aws.record_sets import fields
from emulation.dns.answers import DEFAULT_CLIENT_LOCATION, client_location_of
from emulation.dns.zones import Found, hosted_zone
from emulation.layout import ClientLocation

_PATH = r"{0}/(?P<api_version>[\d_-]+)/testdnsanswer$"
_NAME_SERVER = "ns-2048.awsdns-64.com"
_random = Random()  # noqa: S311  chooses among weighted records


def add_dns_answers() -> None:
    """Makes moto serve the API operation `TestDNSAnswer`."""
    cast(Any, urls).url_paths[_PATH] = Route53.dispatch
    setattr(Route53, "test_dns_answer", _test_dns_answer)  # noqa: B010  moto's class does not declare the method


def _test_dns_answer(responses: Any) -> ActionResult:
    given = responses._get_param
    zone: FakeZone = responses.backend.get_hosted_zone(given("HostedZoneId"))
    found = _found(zone, given("RecordName"), given("RecordType"), _place(responses))
    data: list[Any] = [] if found.delegated else list(found.rrset or [])
    return ActionResult(
        {
            "Nameserver": _NAME_SERVER,
            "RecordName": given("RecordName"),
            "RecordType": given("RecordType"),
            "RecordData": [each.to_text() for each in data],
            "ResponseCode": dns.rcode.to_text(found.rcode),
            "Protocol": "UDP",
        }
    )


def _found(zone: FakeZone, name: str, kind: str, client: ClientLocation) -> Found:
    owner = dns.name.from_text(name)
    if zone.private_zone or not owner.is_subdomain(dns.name.from_text(zone.name)):
        raise Route53ClientError("InvalidInput", f"{name} is not in the public hosted zone {zone.name}")
    records = [{key: value for key, value in fields(each).items() if value is not None} for each in zone.rrsets]
    addresses = {each["DnsName"]: each["IpSets"][0]["IpAddresses"] for each in backend_of().accelerators.values()}
    raw = {"Id": zone.resource_id, "Name": zone.name}
    served = hosted_zone(raw, records, {}, _health, _random, addresses)
    return served.find(owner, dns.rdatatype.from_text(kind), client)


def _health(check: str) -> bool:
    raise Route53ClientError("InvalidInput", f"not emulated: TestDNSAnswer for a record with the health check {check}")


def _place(responses: Any) -> ClientLocation:
    """Returns the client location (a place in the sandbox that clients connect from) of the simulated DNS query. If the
    request names the address of a client and that of a resolver, the address of the client decides.
    """
    given = responses._get_param
    address: str | None = given("EDNS0ClientSubnetIP") or given("ResolverIP")
    if address is None:
        return DEFAULT_CLIENT_LOCATION
    place = client_location_of(ipaddress.ip_network(address))
    if place is None or given("EDNS0ClientSubnetMask"):
        raise Route53ClientError("InvalidInput", f"not emulated: the location of {address}, or a subnet mask")
    return place
