"""Tests the sandbox's DNS server over real sockets, with zones that boto3 creates in an emulated Route 53."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import boto3
import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from dns.message import Message
from dns.rdata import Rdata
from hypothesis import given
from hypothesis import strategies as st

from emulation.dns import client
from emulation.dns.answers import Authority
from emulation.dns.cloudflare import Listed, cloudflare_zone
from emulation.dns.route53 import Route53, serve
from emulation.dns.server import DnsServer
from emulation.dns.stand_ins import stand_ins
from emulation.layout import CLIENT_LOCATIONS, Pop, Sandbox

ADDRESS = "127.98.0.53"
US, EU, ASIA = CLIENT_LOCATIONS
SANDBOX = Sandbox(directory=Path("unused"), loopback="127.98")


class Place:
    """Provides the Route 53 zone example.test, and a DNS server that answers queries from this zone."""

    def __init__(self) -> None:
        self._client: Any = cast(Any, boto3).client("route53", region_name="us-east-1")
        zone = self._client.create_hosted_zone(Name="example.test", CallerReference="1")
        self.zone_id = zone["HostedZone"]["Id"]
        self.unhealthy: set[str] = set()
        self.pops_down: set[str] = set()

    def record(self, name: str, rdtype: str, *values: str, **more: Any) -> None:
        record = {"Name": name, "Type": rdtype, "TTL": 30, **more}
        if values:
            record["ResourceRecords"] = [{"Value": value} for value in values]
        batch: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        self._client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)

    def alias(self, name: str, target: str, *, evaluate: bool, **more: Any) -> None:
        zone = self.zone_id.removeprefix("/hostedzone/")
        wanted = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": evaluate}
        record: Any = {"Name": name, "Type": "A", "AliasTarget": wanted, **more}
        batch: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        self._client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)

    def accelerator(self, name: str, *, evaluate: bool = False) -> list[str]:
        """Creates an accelerator of Global Accelerator. Also creates an alias record with the name `name` in the zone.
        The alias points to the accelerator. Returns the addresses of the accelerator.
        """
        api: Any = cast(Any, boto3).client("globalaccelerator", region_name="us-west-2")
        made = api.create_accelerator(Name=name, IdempotencyToken=name)["Accelerator"]
        wanted = {"HostedZoneId": "Z2BJ6XQ5FK7U4H", "DNSName": made["DnsName"], "EvaluateTargetHealth": evaluate}
        batch: Any = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": "A"}}]}
        batch["Changes"][0]["ResourceRecordSet"]["AliasTarget"] = wanted
        self._client.change_resource_record_sets(HostedZoneId=self.zone_id, ChangeBatch=batch)
        return made["IpSets"][0]["IpAddresses"]

    def check(self) -> str:
        config: Any = {"Type": "HTTP", "IPAddress": "127.0.0.1", "Port": 8080, "FailureThreshold": 3}
        reference = str(len(self._client.list_health_checks()["HealthChecks"]))
        return self._client.create_health_check(CallerReference=reference, HealthCheckConfig=config)["HealthCheck"][
            "Id"
        ]

    def server(self) -> DnsServer:
        snapshot = Route53().read()
        served = serve(snapshot, lambda check: check not in self.unhealthy, Random(1))  # noqa: S311
        edge = cloudflare_zone(SANDBOX, Listed("zone.test", ("edge.zone.test",)), self._listening)
        authority = Authority([*stand_ins(SANDBOX), edge, *served.zones])
        return DnsServer(lambda: authority)

    def exchange(self, query: Message, by: Callable[..., Message] = dns.query.udp) -> Message:
        """Sends one DNS query over a socket, and returns the answer."""

        async def send_query() -> Message:
            port = await self.server().serve(ADDRESS, 0)
            return await asyncio.to_thread(by, query, ADDRESS, 5.0, port)

        return asyncio.run(send_query())

    def send_query(self, name: str, rdtype: str = "A", seen_from: Any = None) -> Message:
        return self.exchange(client.question(name, rdtype, seen_from))

    def _listening(self, pop: Pop) -> bool:
        return pop.colo not in self.pops_down


@pytest.fixture
def place(aws_cloud: None) -> Place:
    return Place()


def texts(message: Message) -> list[str]:
    return [f"{rrset.name} {rdata.to_text()}" for rrset in message.answer for rdata in cast("list[Rdata]", list(rrset))]


def scope(message: Message) -> tuple[int, int]:
    options: Sequence[dns.edns.Option] = cast(Any, message).options
    [option] = [option for option in options if isinstance(option, dns.edns.ECSOption)]
    return option.srclen, option.scopelen


def latency(place: Place, *checks: str | None) -> None:
    regions = (("us-east-1", "127.98.2.1"), ("eu-west-1", "127.98.2.2"))
    for (region, address), check in zip(regions, checks or (None, None), strict=True):
        more = {"HealthCheckId": check} if check else {}
        place.record("shield.example.test", "A", address, SetIdentifier=region, Region=region, **more)


def test_each_client_location_gets_its_nearest_region_with_a_scope(place: Place) -> None:
    latency(place)
    from_europe = place.send_query("shield.example.test", seen_from=EU)
    assert texts(from_europe) == ["shield.example.test. 127.98.2.2"]
    assert scope(from_europe) == (24, 24)
    assert from_europe.flags & dns.flags.AA
    assert texts(place.send_query("shield.example.test", seen_from=US)) == ["shield.example.test. 127.98.2.1"]


def test_an_unknown_client_is_taken_to_be_in_us_east(place: Place) -> None:
    latency(place)
    subnet = dns.edns.ECSOption("8.8.8.0", 24)
    query = dns.message.make_query("shield.example.test", "A", use_edns=0, options=[subnet])
    answer = place.exchange(query)
    assert texts(answer) == ["shield.example.test. 127.98.2.1"]
    assert scope(answer) == (24, 24)


def test_an_answer_for_all_clients_has_scope_zero(place: Place) -> None:
    place.record("www.example.test", "A", "127.98.2.9")
    assert scope(place.send_query("www.example.test", seen_from=EU)) == (24, 0)


@pytest.mark.parametrize(("down", "expected"), [([1], "127.98.2.1"), ([0, 1], "127.98.2.2")])
def test_unhealthy_targets_are_left_out_unless_all_are(place: Place, down: list[int], expected: str) -> None:
    checks = [place.check(), place.check()]
    latency(place, *checks)
    place.unhealthy = {checks[number] for number in down}
    assert texts(place.send_query("shield.example.test", seen_from=EU)) == [f"shield.example.test. {expected}"]


def test_a_cname_is_followed_to_the_nearest_point_of_presence_that_is_up(place: Place) -> None:
    edge = "edge.zone.test"
    place.record("packages.example.test", "CNAME", edge)
    dublin = [f"packages.example.test. {edge}.", f"{edge}. {SANDBOX.loopback}.1.2"]
    assert texts(place.send_query("packages.example.test", seen_from=EU)) == dublin
    place.pops_down = {"DUB"}
    assert texts(place.send_query("packages.example.test", seen_from=EU))[1] == f"{edge}. {SANDBOX.loopback}.1.1"


def test_only_proxied_names_of_a_cloudflare_zone_lead_to_the_edge(place: Place) -> None:
    assert texts(place.send_query("edge.zone.test", seen_from=US)) == [f"edge.zone.test. {SANDBOX.loopback}.1.1"]
    assert place.send_query("other.zone.test").rcode() == dns.rcode.NXDOMAIN


def test_a_cname_to_a_name_outside_of_the_sandbox_is_returned_unchanged(place: Place) -> None:
    place.record("www.example.test", "CNAME", "www.elsewhere.example")
    assert texts(place.send_query("www.example.test")) == ["www.example.test. www.elsewhere.example."]


def test_a_cname_loop_is_answered_once(place: Place) -> None:
    place.record("a.example.test", "CNAME", "b.example.test")
    place.record("b.example.test", "CNAME", "a.example.test")
    assert texts(place.send_query("a.example.test")) == [
        "a.example.test. b.example.test.",
        "b.example.test. a.example.test.",
    ]
    wire = place.server().respond(client.question("a.example.test", "A", None).to_wire(), ADDRESS, udp=True)
    # Bytes 6 and 7 of a DNS message contain the number of records in the answer section (RFC 1035, section 4.1.1).
    assert wire is not None and int.from_bytes(wire[6:8]) == 2


def test_an_alias_is_answered_in_its_own_name_and_fails_over_with_its_target(place: Place) -> None:
    checks = [place.check(), place.check()]
    for number, check in enumerate(checks):
        name = f"node{number}.example.test"
        place.record(name, "A", f"127.98.2.{number}", SetIdentifier="x", Weight=1, HealthCheckId=check)
        place.alias(
            "any.example.test", name, evaluate=True, SetIdentifier=name, Failover=("PRIMARY", "SECONDARY")[number]
        )
    assert texts(place.send_query("any.example.test")) == ["any.example.test. 127.98.2.0"]
    place.unhealthy = {checks[0]}
    assert texts(place.send_query("any.example.test")) == ["any.example.test. 127.98.2.1"]


def test_an_alias_without_health_evaluation_stays(place: Place) -> None:
    check = place.check()
    place.record("node.example.test", "A", "127.98.2.0", SetIdentifier="x", Weight=1, HealthCheckId=check)
    place.alias("any.example.test", "node.example.test", evaluate=False, SetIdentifier="1", Failover="PRIMARY")
    place.record("any.example.test", "A", "127.98.2.1", SetIdentifier="2", Failover="SECONDARY")
    place.unhealthy = {check}
    assert texts(place.send_query("any.example.test")) == ["any.example.test. 127.98.2.0"]


def test_an_alias_to_a_latency_record_has_a_scope(place: Place) -> None:
    latency(place)
    place.alias("any.example.test", "shield.example.test", evaluate=True)
    answer = place.send_query("any.example.test", seen_from=EU)
    assert texts(answer) == ["any.example.test. 127.98.2.2"]
    assert scope(answer) == (24, 24)


def test_wildcards_match_only_missing_names(place: Place) -> None:
    place.record("*.example.test", "A", "127.98.2.7")
    place.record("a.b.example.test", "A", "127.98.2.8")
    assert texts(place.send_query("any.thing.example.test")) == ["any.thing.example.test. 127.98.2.7"]
    assert texts(place.send_query("a.b.example.test")) == ["a.b.example.test. 127.98.2.8"]
    # The name b.example.test exists because a.b.example.test exists, but it has no records of its own.
    assert texts(place.send_query("b.example.test")) == []


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode", "authority"),
    [
        ("nowhere.example.test", "A", dns.rcode.NXDOMAIN, ["example.test. 900"]),
        ("shield.example.test", "AAAA", dns.rcode.NOERROR, ["example.test. 900"]),
        ("bucket.s3.us-east-1.amazonaws.com", "AAAA", dns.rcode.NOERROR, ["amazonaws.com. 900"]),
        ("www.elsewhere.example", "A", dns.rcode.REFUSED, []),
        ("example.test", "ANY", dns.rcode.REFUSED, []),
        ("example.test", "AXFR", dns.rcode.REFUSED, []),
    ],
)
def test_negative_answers(place: Place, name: str, rdtype: str, rcode: int, authority: list[str]) -> None:
    latency(place)
    answer = place.exchange(dns.message.make_query(name, rdtype, use_edns=0), dns.query.tcp)
    assert answer.rcode() == rcode
    assert [f"{rrset.name} {rrset.ttl}" for rrset in answer.authority] == authority
    assert not answer.answer


def test_the_zone_names_its_servers_and_its_authority(place: Place) -> None:
    assert len(texts(place.send_query("example.test", "NS"))) == 4
    assert texts(place.send_query("example.test", "SOA"))[0].startswith("example.test. ns-2048.awsdns-64.com.")


def test_a_delegated_zone_is_referred_to(place: Place) -> None:
    place.record("sub.example.test", "NS", "ns.elsewhere.example.")
    answer = place.send_query("www.sub.example.test")
    assert [str(rrset.name) for rrset in answer.authority] == ["sub.example.test."]
    assert not answer.answer and not answer.flags & dns.flags.AA


def test_cloud_names_lead_to_the_emulated_clouds(place: Place) -> None:
    assert texts(place.send_query("b.s3.eu-west-1.amazonaws.com"))[0].endswith(f" {SANDBOX.aws_address}")
    assert texts(place.send_query("storage.googleapis.com"))[0].endswith(f" {SANDBOX.gcp_address}")


def test_an_unknown_policy_is_a_server_failure_for_its_name_only(place: Place) -> None:
    place.record(
        "odd.example.test",
        "A",
        "127.98.2.1",
        SetIdentifier="x",
        CidrRoutingConfig={"CollectionId": "c" * 36, "LocationName": "l"},
    )
    place.record("www.example.test", "A", "127.98.2.2")
    assert place.send_query("odd.example.test").rcode() == dns.rcode.SERVFAIL
    assert texts(place.send_query("www.example.test")) == ["www.example.test. 127.98.2.2"]


@pytest.mark.parametrize(("payload", "fits"), [(None, False), (600, False), (1232, True), (4096, True)])
def test_an_answer_too_large_for_udp_is_sent_over_tcp(place: Place, payload: int | None, fits: bool) -> None:
    addresses = [f"127.98.4.{number}" for number in range(1, 61)]
    place.record("many.example.test", "A", *addresses)
    query = dns.message.make_query("many.example.test", "A", use_edns=None if payload is None else 0, payload=payload)
    by_udp = place.exchange(query)
    assert bool(by_udp.flags & dns.flags.TC) is not fits
    by_tcp = place.exchange(query, dns.query.tcp)
    assert sorted(texts(by_tcp)) == sorted(f"many.example.test. {address}" for address in addresses)


def test_versions_of_edns_and_misplaced_scopes(place: Place) -> None:
    assert place.exchange(dns.message.make_query("example.test", "A", use_edns=1)).rcode() == dns.rcode.BADVERS
    scoped = dns.edns.ECSOption("192.0.2.0", 24, 24)
    query = dns.message.make_query("example.test", "A", use_edns=0, options=[scoped])
    assert place.exchange(query).rcode() == dns.rcode.FORMERR


def test_version_bind_is_answered(place: Place) -> None:
    answer = place.exchange(dns.message.make_query("version.bind", "TXT", "CH"))
    assert texts(answer) == ['version.bind. "artifact-edge emulation.dns"']


@given(st.binary(max_size=80))
def test_no_message_stops_the_server(noise: bytes) -> None:
    response = DnsServer(lambda: Authority([])).respond(noise, "127.0.0.1", udp=True)
    if response is not None:
        assert response[:2] == noise[:2]
        assert dns.message.from_wire(response).flags & dns.flags.QR


def test_alias_of_an_accelerator_has_both_its_addresses_at_every_place(place: Place) -> None:
    addresses = place.accelerator("anycast.example.test")
    for seen_from in (US, EU, ASIA):
        answer = place.send_query("anycast.example.test", seen_from=seen_from)
        assert sorted(texts(answer)) == [f"anycast.example.test. {each}" for each in sorted(addresses)]
    assert texts(place.send_query("anycast.example.test", "AAAA", seen_from=US)) == []


def test_alias_of_an_accelerator_that_evaluates_its_health_is_not_emulated(place: Place) -> None:
    place.accelerator("anycast.example.test", evaluate=True)
    assert place.send_query("anycast.example.test", seen_from=US).rcode() == dns.rcode.SERVFAIL
