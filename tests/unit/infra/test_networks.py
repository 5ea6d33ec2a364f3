"""Tests the DNS answers for the hostname that clients connect to. An answer contains addresses of Cloudflare or of our
own PoPs. The answer depends on the weights of the DNS records, the health checks and the client's location.

The program creates its records in the emulated Route 53. The sandbox's DNS server answers from these records. Each test
decides which endpoints are unhealthy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, get_args

import pulumi
import pulumi_aws as aws
import pytest

from contract.pops import PopRouting, routed_hostname
from emulation.dns.answers import Authority
from emulation.dns.cloudflare import Listed, cloudflare_zone
from emulation.dns.route53 import Route53, Snapshot, serve
from emulation.layout import CLIENT_LOCATIONS, ClientLocation, Sandbox
from emulation.layout import POPS as CLOUDFLARE_POPS
from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.dns import DnsArgs
from infra.dns.pops import PopDns, PopDnsArgs
from infra.dns.route53 import Dns
from infra.pop import AcceleratorArgs, PopNode
from infra.pop.accelerator import Accelerator
from infra.shield import Node
from tests.support.edge_name import HOSTNAME, EdgeOnCloudflare
from tests.support.harness import Registered, aws_account, deploy

US, EU, _ = CLIENT_LOCATIONS
# Maps the name of each machine of our own PoPs to the machine's IP address.
OWN_POPS = {
    "pop-us-east-1-0": "192.0.2.10",
    "pop-us-east-1-1": "192.0.2.11",
    "pop-eu-west-1-0": "192.0.2.20",
    "pop-ap-southeast-1-0": "192.0.2.30",
}
CLOUDFLARE = "test.zone.test"
SANDBOX = Sandbox(directory=Path("unused"), loopback="127.98")


@dataclass(frozen=True)
class Created:
    """What the program has created in an emulated AWS account: DNS records and health checks. `snapshot` has the same
    records in the form of the Route 53 API.
    """

    records: Collection[Registered]
    checks: Mapping[str, Any]
    snapshot: Snapshot


def create(
    percent: int, *, accelerated: bool = False, routing: PopRouting = "latency", bias_of_us_east_1: int = 0
) -> Created:
    """Creates the records of a stack in the current emulated AWS account. DNS sends `percent` of the clients to our own
    PoPs. If `accelerated` is true, these clients reach the PoPs through an accelerator. `routing` is the routing policy
    that chooses a PoP for a client. `bias_of_us_east_1` is a geoproximity bias.
    """

    def program() -> None:
        shield = Node("us-east-1-0", "us-east-1", "aws", pulumi.Output.from_input("192.0.2.1"))
        args = DnsArgs(
            zone_name="artifact-edge.test",
            hostname=HOSTNAME,
            edge=EdgeOnCloudflare(),
            nodes=[shield],
            removable=True,
            weight=100 - percent,
            second_network=True,
        )
        dns = Dns("dns", args)
        nodes = [
            PopNode(
                name,
                name.removeprefix("pop-").rsplit("-", 1)[0],
                "aws",
                pulumi.Output.from_input(address),
                pulumi.Output.from_input(f"eipalloc-{name}"),
            )
            for name, address in OWN_POPS.items()
        ]
        entry = Accelerator("accelerator", AcceleratorArgs("test", [])).entry if accelerated else None
        names = PopDnsArgs(dns.zone_id, "artifact-edge.test", HOSTNAME, nodes, percent, [dns], entry)
        PopDns("pops", replace(names, routing=routing, biases={"us-east-1": bias_of_us_east_1}))

    deployment = deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})
    checks = client("route53").list_health_checks()["HealthChecks"]
    return Created(
        deployment.of(aws.route53.Record).values(),
        {check["Id"]: check["HealthCheckConfig"] for check in checks},
        Route53().read(),
    )


@cache
def _created(percent: int, accelerated: bool, routing: PopRouting, bias: int) -> Created:
    with aws_account():
        return create(percent, accelerated=accelerated, routing=routing, bias_of_us_east_1=bias)


class Network:
    """The DNS of a stack with two networks: Cloudflare and PoPs of our own."""

    def __init__(self, stack: Created) -> None:
        self._checks = stack.checks
        # The addresses and host names of unhealthy endpoints, which the health checkers cannot reach.
        self.down: set[str] = set()
        self.static_addresses = [address for _, addresses in stack.snapshot.accelerators for address in addresses]
        self.serve(stack.snapshot)

    def serve(self, snapshot: Snapshot) -> None:
        """Makes the DNS server answer from the records of a snapshot of Route 53."""
        served = serve(snapshot, self._healthy, Random(1))  # noqa: S311
        assert served.refused == ()
        edge = cloudflare_zone(SANDBOX, Listed("zone.test", (CLOUDFLARE,)), lambda pop: True)
        self._authority = Authority([edge, *served.zones])

    def _healthy(self, check: str) -> bool:
        config = self._checks[check]
        if config["Type"] == "CALCULATED":
            return sum(map(self._healthy, config["ChildHealthChecks"])) >= config["HealthThreshold"]
        return (config.get("IPAddress") or config["FullyQualifiedDomainName"]) not in self.down

    def answers(self, place: ClientLocation, queries: int = 60) -> Counter[str]:
        """Sends `queries` DNS queries from one client location. Counts the answers for each machine of our own PoPs,
        for the accelerator, and for Cloudflare.
        """
        edge = {SANDBOX.pop_address(pop): "cloudflare" for pop in CLOUDFLARE_POPS}
        names = edge | {address: name for name, address in OWN_POPS.items()}
        names |= dict.fromkeys(self.static_addresses, "accelerator")
        return Counter(names[self.addresses(place)[0]] for _ in range(queries))

    def addresses(self, place: ClientLocation, name: str = HOSTNAME) -> list[str]:
        return self._authority.addresses(name, place)

    def regions(self) -> list[str]:
        """Returns the regions of our own PoPs that clients in the US, in Europe and in Asia use, according to DNS."""
        found = [set(self.answers(place)) for place in CLIENT_LOCATIONS]
        assert all(len({name.rsplit("-", 1)[0] for name in names}) == 1 for names in found)
        return [sorted(names)[0].removeprefix("pop-").rsplit("-", 1)[0] for names in found]

    def lose(self, *regions: str) -> None:
        """Makes all machines in the given regions fail. All other machines recover."""
        self.down = {address for name, address in OWN_POPS.items() if name[4:].rsplit("-", 1)[0] in regions}


def network(
    percent: int, *, accelerated: bool = False, routing: PopRouting = "latency", bias_of_us_east_1: int = 0
) -> Network:
    """Returns the DNS of a stack. All endpoints are healthy. The function `create` describes the arguments.

    Calls with the same arguments share the records, because tests change only the health of endpoints.
    """
    return Network(_created(percent, accelerated, routing, bias_of_us_east_1))


def test_the_weights_are_the_shares_of_the_clients() -> None:
    answers = network(25).answers(EU, 800)
    assert set(answers) == {"cloudflare", "pop-eu-west-1-0"}
    assert 140 < answers["pop-eu-west-1-0"] < 260


@pytest.mark.parametrize(("percent", "expected"), [(0, {"cloudflare"}), (100, {"pop-eu-west-1-0"})])
def test_a_network_of_the_weight_zero_is_drained(percent: int, expected: set[str]) -> None:
    assert set(network(percent).answers(EU, 300)) == expected


def test_clients_of_the_own_network_get_the_nearest_healthy_pop() -> None:
    found = network(100)
    assert set(found.answers(US)) == {"pop-us-east-1-0", "pop-us-east-1-1"}
    assert set(found.answers(EU)) == {"pop-eu-west-1-0"}
    found.down = {OWN_POPS["pop-us-east-1-0"]}
    assert set(found.answers(US)) == {"pop-us-east-1-1"}
    found.down = {OWN_POPS["pop-us-east-1-0"], OWN_POPS["pop-us-east-1-1"]}
    assert set(found.answers(US)) == {"pop-eu-west-1-0"}


ROUTINGS: tuple[PopRouting, ...] = get_args(PopRouting)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_clients_of_three_continents_get_the_nearest_pop_by_each_routing_policy(routing: PopRouting) -> None:
    found = network(100, routing=routing)
    assert found.regions() == ["us-east-1", "eu-west-1", "ap-southeast-1"]
    found.lose("us-east-1")
    assert found.regions() == ["eu-west-1", "eu-west-1", "ap-southeast-1"]
    found.lose("eu-west-1", "ap-southeast-1")
    assert found.regions() == ["us-east-1", "us-east-1", "us-east-1"]
    found.lose("us-east-1", "eu-west-1", "ap-southeast-1")
    assert set(found.answers(EU)) == {"cloudflare"}


@pytest.mark.parametrize(("bias", "region"), [(0, "eu-west-1"), (50, "us-east-1"), (-50, "eu-west-1")])
def test_a_bias_leads_clients_of_other_places_to_a_pop(bias: int, region: str) -> None:
    # Singapore is nearer to eu-west-1 (11,200 km) than to us-east-1 (15,500 km). With a positive bias, Route 53 treats
    # us-east-1 as nearer.
    found = network(100, routing="geoproximity", bias_of_us_east_1=bias)
    found.lose("ap-southeast-1")
    assert found.regions() == ["us-east-1", "eu-west-1", region]


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize("former", ROUTINGS)
def test_a_resolver_that_knows_the_name_of_another_policy_gets_a_healthy_pop(
    routing: PopRouting, former: PopRouting
) -> None:
    found = network(100, routing=routing)
    name = routed_hostname("artifact-edge.test", former)
    assert found.addresses(EU, name) == [OWN_POPS["pop-eu-west-1-0"]]
    found.lose("eu-west-1")
    assert found.addresses(EU, name)[0] in (OWN_POPS["pop-us-east-1-0"], OWN_POPS["pop-us-east-1-1"])


def deletions(stack: Created, name: str) -> Iterator[tuple[str, Snapshot]]:
    """Deletes the records of a DNS name from the current emulated AWS account, one after another. Yields the set
    identifier of each deleted record, and a snapshot of Route 53 after the deletion.

    Like the Pulumi engine, the function deletes a record only after the records that depend on it. If several records
    can be deleted next, the function deletes the record that the program created first.
    """
    remaining = {record.urn: record for record in stack.records if record.inputs["name"] == name}
    ((zone, records),) = stack.snapshot.zones
    listed = {each["SetIdentifier"]: each for each in records if each["Name"].rstrip(".") == name}
    route53 = Route53()
    while remaining:
        needed = {urn for record in remaining.values() for urn in record.depends_on}
        urn = next(each for each in remaining if each not in needed)
        identifier = remaining.pop(urn).inputs["setIdentifier"]
        change = {"Action": "DELETE", "ResourceRecordSet": listed[identifier]}
        client("route53").change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]})
        yield identifier, route53.read()


@pytest.mark.usefixtures("aws_cloud")
@pytest.mark.parametrize("routing", ["geolocation", "geoproximity"])
def test_clients_have_an_answer_while_the_records_of_a_former_policy_are_deleted(routing: PopRouting) -> None:
    stack = create(100, routing=routing)
    name = routed_hostname("artifact-edge.test", routing)
    found, without_answer = Network(stack), dict[str, list[str]]()
    for deleted, snapshot in deletions(stack, name):
        found.serve(snapshot)
        without_answer[deleted] = [place.name for place in CLIENT_LOCATIONS if not found.addresses(place, name)]
    assert len(without_answer) >= 3
    assert [deleted for deleted, places in without_answer.items() if places] == []


@pytest.mark.parametrize("routing", ROUTINGS)
def test_the_routing_policy_decides_while_the_accelerator_does_not_answer(routing: PopRouting) -> None:
    found = network(100, accelerated=True, routing=routing)
    assert set(found.answers(EU)) == {"accelerator"}
    found.down = set(found.static_addresses)
    assert found.regions() == ["us-east-1", "eu-west-1", "ap-southeast-1"]


def test_clients_of_the_own_network_get_both_addresses_of_the_accelerator() -> None:
    found = network(100, accelerated=True)
    assert len(found.static_addresses) == 2
    for place in CLIENT_LOCATIONS:
        assert sorted(found.addresses(place)) == sorted(found.static_addresses)


def test_the_weights_are_the_shares_of_the_clients_with_an_accelerator_too() -> None:
    answers = network(25, accelerated=True).answers(EU, 800)
    assert set(answers) == {"cloudflare", "accelerator"}
    assert 140 < answers["accelerator"] < 260


def test_clients_reach_the_machines_themselves_while_the_accelerator_does_not_answer() -> None:
    found = network(100, accelerated=True)
    one, other = found.static_addresses
    found.down = {one}
    assert set(found.answers(EU)) == {"accelerator"}
    found.down = {one, other}
    assert set(found.answers(EU)) == {"pop-eu-west-1-0"}
    found.down = {one, other, OWN_POPS["pop-eu-west-1-0"]}
    assert set(found.answers(EU)) == {"pop-us-east-1-0", "pop-us-east-1-1"}
    found.down = {one, other, CLOUDFLARE}
    assert set(found.answers(EU)) == {"pop-eu-west-1-0"}


@pytest.mark.parametrize("percent", [75, 100])
def test_clients_leave_the_own_network_when_neither_accelerator_nor_machines_answer(percent: int) -> None:
    found = network(percent, accelerated=True)
    found.down = {*found.static_addresses, *OWN_POPS.values()}
    assert set(found.answers(EU)) == {"cloudflare"}


@pytest.mark.parametrize("percent", [0, 25])
def test_clients_leave_cloudflare_while_it_is_unhealthy(percent: int) -> None:
    found = network(percent)
    found.down = {CLOUDFLARE}
    assert [set(found.answers(place)) for place in (US, EU)] == [
        {"pop-us-east-1-0", "pop-us-east-1-1"},
        {"pop-eu-west-1-0"},
    ]
    found.down = set()
    assert "cloudflare" in found.answers(EU)


@pytest.mark.parametrize("percent", [75, 100])
def test_clients_leave_the_own_network_while_no_pop_is_healthy(percent: int) -> None:
    found = network(percent)
    found.down = set(OWN_POPS.values())
    assert set(found.answers(EU)) == {"cloudflare"}


def test_the_weights_decide_when_everything_is_unhealthy() -> None:
    found = network(0)
    found.down = {CLOUDFLARE, *OWN_POPS.values()}
    assert set(found.answers(EU)) == {"cloudflare"}
