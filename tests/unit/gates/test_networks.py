"""Tests the plan gate (a check of Pulumi plans) on changes of edge networks. The gate must refuse a plan that moves too
many clients at once. Clients move if a plan changes their edge network, or the regions of a network.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import pytest

from gates.limits import Limits
from gates.plan import Plan
from gates.rules import judge
from gates.stages import split
from tests.unit.gates.plans import plan, step, urn

TODAY = datetime.date(2026, 11, 27)
RECORD, ROUTE = "aws:route53/record:Record", "cloudflare:index/workersRoute:WorkersRoute"
SERVED = step("same", ROUTE, "edge", new={"pattern": "packages.example.com/*"})
LIMITS = Limits(traffic=0.2)

HOSTNAME, NEAREST = "packages.example.com", "geoproximity.pops.example.com"

Steps = list[dict[str, Any]]


def weights(before: int, after: int) -> Steps:
    """Returns a plan's steps for the two DNS records of the hostname that clients connect to. One record points to
    Cloudflare, and the other to our own PoPs. DNS sends `before` percent of the clients to our own PoPs before the
    plan, and `after` percent after the plan.
    """

    def inputs(target: str, name: str, weight: int) -> dict[str, Any]:
        policy = [{"weight": weight}]
        named = {"name": "packages.example.com", "type": "CNAME", "setIdentifier": name}
        return {**named, "records": [target], "weightedRoutingPolicies": policy}

    op, keys = ("same", []) if before == after else ("update", ["weightedRoutingPolicies[0].weight"])
    targets = {"cloudflare": ("edge.zone.test", 100 - before, 100 - after), "own": ("pops.example.com", before, after)}
    return [
        part
        for name, (target, was, is_to_be) in targets.items()
        for part in step(
            op, RECORD, f"edge-{name}", old=inputs(target, name, was), new=inputs(target, name, is_to_be), keys=keys
        )
    ]


def region(op: str, name: str) -> Steps:
    """Returns the steps of a plan that concern the DNS records of our own PoPs in one region. The records are an alias
    record, and an address record of one machine.
    """
    policy = [{"region": name}]
    alias = {"name": "pops.example.com", "type": "A", "setIdentifier": name, "latencyRoutingPolicies": policy}
    aliases = [{"name": f"{name}.pops.example.com", "evaluateTargetHealth": True}]
    machine = {"name": f"{name}.pops.example.com", "type": "A", "setIdentifier": "0", "records": [f"address of {name}"]}
    return [
        *step(op, RECORD, f"pops-{name}", new={**alias, "aliases": aliases}),
        *step(op, RECORD, f"pop-{name}-0", new={**machine, "weightedRoutingPolicies": [{"weight": 1}]}),
    ]


def rules(given: Plan) -> list[str]:
    return [refusal.rule for refusal in judge(given, LIMITS, TODAY)]


EUROPE = region("same", "eu-west-1")


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [(0, 20, []), (20, 40, []), (20, 0, []), (0, 21, ["traffic"]), (0, 100, ["traffic"]), (100, 0, ["traffic"])],
)
def test_clients_change_the_network_in_small_steps(before: int, after: int, refused: list[str]) -> None:
    assert rules(plan(SERVED, weights(before, after), EUROPE)) == refused


@pytest.mark.parametrize(
    ("percent", "refused"),
    # DNS sends `percent` of all clients to our own PoPs in two regions. The plan creates or deletes the PoP in the
    # second region. Half of the clients of our own PoPs therefore change their region.
    [(0, []), (20, []), (40, []), (60, ["traffic"])],
)
@pytest.mark.parametrize("op", ["create", "delete"])
def test_a_place_of_a_network_counts_by_the_clients_of_the_network(op: str, percent: int, refused: list[str]) -> None:
    assert rules(plan(SERVED, weights(percent, percent), EUROPE, region(op, "us-west-2"))) == refused


@pytest.mark.parametrize(("before", "after"), [(0, 20), (20, 40), (20, 0)])
def test_the_weights_and_the_places_of_a_network_do_not_change_together(before: int, after: int) -> None:
    given = plan(SERVED, weights(before, after), EUROPE, region("create", "us-west-2"))
    assert [str(refusal) for refusal in judge(given, LIMITS, TODAY)] == [
        "one-change: what clients of packages.example.com resolve changes in one apply at packages.example.com and"
        " pops.example.com"
    ]


def test_a_network_is_set_up_in_one_apply_while_it_has_no_clients() -> None:
    own = [part for part in weights(0, 0) if "own" in part["urn"]]
    cloudflare = [part for part in weights(0, 0) if "own" not in part["urn"]]
    created = [{**part, "op": "create", "oldState": None} for part in own]
    both = [*region("create", "eu-west-1"), *region("create", "us-west-2")]
    assert rules(plan(SERVED, cloudflare, created, both)) == []


def test_a_certificate_and_the_weights_do_not_change_together() -> None:
    certificate = step("replace", "aws:acm/certificate:Certificate", "pops", keys=["domainName"])
    assert rules(plan(SERVED, certificate, weights(0, 20), EUROPE)) == ["certificate-and-dns"]
    assert rules(plan(SERVED, certificate, weights(20, 20), EUROPE)) == []


def test_the_places_change_before_the_weights() -> None:
    stages = split(plan(SERVED, weights(0, 20), EUROPE, region("create", "us-west-2")), LIMITS, TODAY)
    names = [{urn.split("::")[-1] for urn in stage.urns} for stage in stages]
    assert names == [{"pop-us-west-2-0"}, {"pops-us-west-2"}, {"edge-cloudflare", "edge-own"}]
    assert not any(stage.refusals for stage in stages)


ACCELERATOR, LISTENER, GROUP = (
    f"aws:globalaccelerator/{kind}"
    for kind in ("accelerator:Accelerator", "listener:Listener", "endpointGroup:EndpointGroup")
)


def accelerator(op: str, before: Mapping[str, int], after: Mapping[str, int]) -> Steps:
    """Returns a plan's steps for an accelerator and its two DNS records. `before` and `after` map each region to its
    traffic dial in percent, before and after the plan.
    """
    name = {"name": "anycast.pops.example.com", "type": "A"}
    front = {**name, "setIdentifier": "primary", "failoverRoutingPolicies": [{"type": "PRIMARY"}]}
    behind = {**name, "setIdentifier": "secondary", "failoverRoutingPolicies": [{"type": "SECONDARY"}]}
    aliases = [{"name": "a1.awsglobalaccelerator.com", "evaluateTargetHealth": False}]
    uses = {"aliases": [urn(ACCELERATOR, "accelerator")]}
    steps = [
        *step(op, ACCELERATOR, "accelerator", new={"name": "pops"}),
        *step(op, LISTENER, "accelerator", new={}, depends={"acceleratorArn": [urn(ACCELERATOR, "accelerator")]}),
        *step(op, RECORD, "anycast-primary", new={**front, "aliases": aliases}, depends=uses),
        *step(op, RECORD, "anycast-secondary", new={**behind, "aliases": [{"name": "pops.example.com"}]}),
    ]
    for place in sorted({*before, *after}):
        was, is_to_be = (
            {"endpointGroupRegion": place, "trafficDialPercentage": dials.get(place, 100)} for dials in (before, after)
        )
        change = "create" if op == "create" or place not in before else "same" if was == is_to_be else "update"
        on = {"listenerArn": [urn(LISTENER, "accelerator")]}
        steps += step(change, GROUP, place, old=was, new=is_to_be, depends=on, keys=["trafficDialPercentage"])
    return steps


def to_accelerator(percent: int) -> Steps:
    """Returns a plan's steps for a hostname with two DNS records. The first record points to Cloudflare and does not
    change. The second record points to our own PoPs. The plan makes the second record point to the accelerator of the
    PoPs.
    """
    own = [part for part in weights(percent, percent) if "own" in part["urn"]]
    others = [part for part in weights(percent, percent) if "own" not in part["urn"]]
    (before,) = (part["oldState"] for part in own)
    after = {**before, "inputs": {**before["inputs"], "records": ["anycast.pops.example.com"]}}
    return [*others, *({**part, "op": "update", "newState": after} for part in own)]


def behind_accelerator(percent: int) -> Steps:
    """Returns a plan's steps for the two DNS records of the hostname that clients connect to. One record points to
    Cloudflare. The other points to the accelerator of our own PoPs. The plan changes neither record.
    """
    return [{**part, "op": "same", "oldState": part["newState"]} for part in to_accelerator(percent)]


BOTH = {"eu-west-1": 100, "us-west-2": 100}


@pytest.mark.parametrize(("percent", "refused"), [(0, []), (20, []), (21, ["traffic"]), (100, ["traffic"])])
def test_clients_are_led_to_an_accelerator_like_to_another_network(percent: int, refused: list[str]) -> None:
    assert rules(plan(SERVED, to_accelerator(percent), accelerator("create", {}, BOTH), EUROPE)) == refused


@pytest.mark.parametrize(
    ("dial", "refused"),
    # The accelerator has two regions, and each region serves half of the clients. If the traffic dial of one region is
    # set to 60 percent, the region loses 40 percent of its clients. These are 20 percent of all clients.
    [(100, []), (60, []), (59, ["traffic"]), (50, ["traffic"]), (0, ["traffic"])],
)
def test_a_traffic_dial_moves_the_clients_that_the_region_no_longer_serves(dial: int, refused: list[str]) -> None:
    dials = accelerator("same", BOTH, {**BOTH, "us-west-2": dial})
    assert rules(plan(SERVED, behind_accelerator(100), dials, EUROPE)) == refused


@pytest.mark.parametrize(
    ("percent", "refused"),
    # DNS sends `percent` of all clients to an accelerator with two regions. The plan drains one of these regions, so
    # half of the accelerator's clients move to the other region.
    [(0, []), (40, []), (50, ["traffic"])],
)
def test_a_traffic_dial_counts_by_the_clients_of_the_accelerator(percent: int, refused: list[str]) -> None:
    dials = accelerator("same", BOTH, {**BOTH, "us-west-2": 0})
    assert rules(plan(SERVED, behind_accelerator(percent), dials, EUROPE)) == refused


def test_a_traffic_dial_and_the_weights_do_not_change_together() -> None:
    was, is_to_be = behind_accelerator(20), behind_accelerator(40)
    moved = [{**new, "op": "update", "oldState": old["oldState"]} for old, new in zip(was, is_to_be, strict=True)]
    dials = accelerator("same", BOTH, {**BOTH, "us-west-2": 75})
    assert rules(plan(SERVED, moved, dials, EUROPE)) == ["one-change"]


def test_no_client_resolves_the_machines_addresses_while_the_accelerator_answers() -> None:
    standing = [*behind_accelerator(100), *accelerator("same", BOTH, BOTH)]
    assert rules(plan(SERVED, standing, EUROPE, region("create", "us-west-2"))) == []


def geolocation(before: Mapping[str, str], after: Mapping[str, str]) -> Steps:
    """Returns a plan's steps for the geolocation records of our own PoPs, including the default record. `before` and
    `after` map the code of each continent to the region that its clients use.
    """

    def inputs(identifier: str, location: Mapping[str, str], target: str) -> dict[str, Any]:
        named = {"name": "geolocation.pops.example.com", "type": "A", "setIdentifier": identifier}
        return {**named, "aliases": [{"name": target}], "geolocationRoutingPolicies": [location]}

    everyone = inputs("default", {"country": "*"}, "pops.example.com")
    steps = step("same" if before else "create", RECORD, "pops-default", new=everyone)
    for continent in sorted({*before, *after}):
        was, is_to_be = (
            inputs(continent, {"continent": continent}, f"{places.get(continent)}.pops.example.com")
            for places in (before, after)
        )
        change = "create" if continent not in before else "same" if was == is_to_be else "update"
        steps += step(change, RECORD, f"pops-{continent}", old=was, new=is_to_be, keys=["aliases"])
    return steps


def by_geolocation(percent: int) -> Steps:
    """Returns a plan's steps for the two DNS records of the hostname that clients connect to. The plan changes neither
    record. The record of our own PoPs has the weight `percent`, and points to `geolocation.pops.example.com`.
    """
    steps = weights(percent, percent)
    for part in steps:
        if "own" in part["urn"]:
            inputs = {**part["newState"]["inputs"], "records": ["geolocation.pops.example.com"]}
            part["newState"] = part["oldState"] = {**part["newState"], "inputs": inputs}
    return steps


CONTINENTS: Mapping[str, str] = dict.fromkeys(("AF", "AN", "AS", "EU", "NA", "OC", "SA"), "eu-west-1")


@pytest.mark.parametrize(
    ("percent", "refused"),
    # Our own PoPs serve `percent` % of all clients. The plan sends the clients of two of seven continents to a new
    # region, so it moves `percent` * 2/7 % of the clients. A plan may move at most 20 % of all clients.
    [(0, []), (20, []), (70, []), (71, ["traffic"])],
)
def test_a_new_place_moves_the_clients_of_its_continents(percent: int, refused: list[str]) -> None:
    moved = {**CONTINENTS, "NA": "us-west-2", "SA": "us-west-2"}
    places = [*EUROPE, *region("create", "us-west-2"), *geolocation(CONTINENTS, moved)]
    assert rules(plan(SERVED, by_geolocation(percent), places)) == refused


def test_the_default_record_counts_as_long_as_a_continent_has_no_record() -> None:
    some = {continent: place for continent, place in CONTINENTS.items() if continent != "SA"}
    moved = {**some, "NA": "us-west-2"}
    places = [*EUROPE, *region("create", "us-west-2"), *geolocation(some, moved)]
    assert rules(plan(SERVED, by_geolocation(20), places)) == ["one-change"]


@pytest.mark.parametrize(("percent", "refused"), [(0, []), (20, []), (21, ["traffic"])])
def test_another_routing_policy_counts_as_a_move_of_all_clients_of_the_network(
    percent: int, refused: list[str]
) -> None:
    before, after = weights(percent, percent), by_geolocation(percent)
    changed = [
        {**new, "op": "update", "oldState": old["oldState"]} if "own" in new["urn"] else new
        for old, new in zip(before, after, strict=True)
    ]
    assert rules(plan(SERVED, changed, EUROPE, geolocation({}, CONTINENTS))) == refused


def biased(before: int, after: int) -> Steps:
    """Returns a plan's steps for the geoproximity records of two regions. The plan changes the bias of one region."""

    def inputs(name: str, bias: int) -> dict[str, Any]:
        named = {"name": "geoproximity.pops.example.com", "type": "A", "setIdentifier": name}
        policy = {"awsRegion": name, "bias": bias}
        return {**named, "aliases": [{"name": f"{name}.pops.example.com"}], "geoproximityRoutingPolicy": policy}

    was, is_to_be = inputs("us-west-2", before), inputs("us-west-2", after)
    return [
        *step("same", RECORD, "pops-near-eu-west-1", new=inputs("eu-west-1", 0)),
        *step("update", RECORD, "pops-near-us-west-2", old=was, new=is_to_be, keys=["geoproximityRoutingPolicy.bias"]),
    ]


@pytest.mark.parametrize(("percent", "refused"), [(0, []), (20, []), (40, []), (41, ["traffic"])])
def test_no_client_resolves_the_latency_records_while_the_network_has_geoproximity(
    percent: int, refused: list[str]
) -> None:
    # The plan adds a region of PoPs. The region's geoproximity record takes over half of the clients. Its latency
    # record gets no clients: only the wildcard name `*.pops.example.com` points to the latency records, and no client
    # uses such a name.
    own = [{**part, "newState": part["oldState"]} for part in to_geoproximity(percent)]
    near = [{**part, "op": "create", "oldState": None} if "us-west-2" in part["urn"] else part for part in biased(0, 0)]
    former = {"name": "*.pops.example.com", "type": "A", "aliases": [{"name": "pops.example.com"}]}
    places = [*EUROPE, *region("create", "us-west-2"), *step("same", RECORD, "pops-former-names", new=former)]
    assert rules(plan(SERVED, own, near, places)) == refused


def to_geoproximity(percent: int) -> Steps:
    """Returns a plan's steps for the two DNS records of the hostname that clients connect to. The plan changes neither
    record. The record of our own PoPs points to the geoproximity records.
    """
    steps = weights(percent, percent)
    for part in steps:
        if "own" in part["urn"]:
            inputs = {**part["newState"]["inputs"], "records": [NEAREST]}
            part["oldState"] = part["newState"] = {**part["newState"], "inputs": inputs}
    return steps


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    # The bias of us-west-2 determines the region's share of the clients: half with a bias of 0, 2/3 with a bias of 50,
    # and 5/6 with a bias of 80. A plan may move at most 1/5 of all clients.
    [(0, 50, []), (50, 0, []), (50, 80, []), (0, 80, ["traffic"]), (0, -99, []), (99, 0, ["traffic"])],
)
def test_a_bias_moves_clients(before: int, after: int, refused: list[str]) -> None:
    hostname = step("same", RECORD, "edge-own", new={"name": HOSTNAME, "type": "CNAME", "records": [NEAREST]})
    assert rules(plan(SERVED, hostname, biased(before, after))) == refused
