"""Tests the functions that implement Route 53's routing policies. A routing policy decides which client gets which
record set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import dns.name
import pytest
from dns.rdatatype import A
from hypothesis import given
from hypothesis import strategies as st

from contract.regions import REGIONS, distance
from emulation.dns.records import (
    Failover,
    Geolocation,
    Geoproximity,
    Latency,
    Multivalue,
    Policy,
    RecordSet,
    RefusedRecord,
    Simple,
    Weighted,
    parse,
)
from emulation.dns.routing import choose
from emulation.layout import CLIENT_LOCATIONS, ClientLocation

US, EU, ASIA = CLIENT_LOCATIONS
NAME = dns.name.from_text("www.example.test")
AWS_REGIONS = sorted(name for name, region in REGIONS.items() if region.cloud == "aws")


def record(identifier: str, policy: Policy) -> RecordSet:
    return RecordSet(NAME, A, policy, identifier=identifier, health_check=identifier)


def all_but(*down: str) -> Callable[[RecordSet], bool]:
    return lambda each: each.identifier not in down


def chosen(group: Sequence[RecordSet], client: ClientLocation, *down: str) -> list[str]:
    return [each.identifier for each in choose(group, client, all_but(*down), Random(1))]  # noqa: S311


LATENCY = [record(region, Latency(region)) for region in ("us-east-1", "eu-west-1", "ap-southeast-1")]
PLACES = [
    record("ireland", Geolocation(country="IE")),
    record("europe", Geolocation(continent="EU")),
    record("texas", Geolocation(country="US", subdivision="TX")),
    record("others", Geolocation(country="*")),
]
STATES = [
    record("virginia", Geolocation(country="US", subdivision="VA")),
    record("states", Geolocation(country="US")),
    record("america", Geolocation(continent="NA")),
    record("all", Geolocation(country="*")),
]


def near(region: str, bias: int = 0) -> RecordSet:
    return record(region, Geoproximity(REGIONS[region].latitude, REGIONS[region].longitude, bias))


PROXIMITY = [near(region) for region in ("us-east-1", "eu-west-1", "ap-southeast-1")]
# The distance from a client in Ireland to eu-central-1 is about 1,100 km. The distance to us-east-1 is about 5,500 km.
# The bias of 81 makes us-east-1 count as nearer.
BIASED = [near("us-east-1", 81), near("eu-central-1")]
SHRUNK = [near("eu-west-2", -99), near("eu-central-1", 50)]
PAIR = [record("second", Failover(primary=False)), record("first", Failover(primary=True))]


@pytest.mark.parametrize(
    ("group", "client", "down", "expected"),
    [
        (LATENCY, US, [], "us-east-1"),
        (LATENCY, EU, [], "eu-west-1"),
        (LATENCY, ASIA, [], "ap-southeast-1"),
        (LATENCY, EU, ["eu-west-1"], "us-east-1"),
        (LATENCY, EU, ["us-east-1", "eu-west-1"], "ap-southeast-1"),
        (LATENCY, EU, ["us-east-1", "eu-west-1", "ap-southeast-1"], "eu-west-1"),
        (PLACES, EU, [], "ireland"),
        (PLACES, EU, ["ireland"], "europe"),
        (PLACES, EU, ["ireland", "europe"], "others"),
        (PLACES, EU, ["ireland", "europe", "others"], "ireland"),
        (PLACES, US, [], "others"),
        (STATES, US, [], "virginia"),
        (STATES, US, ["virginia"], "states"),
        (STATES, US, ["virginia", "states"], "america"),
        (STATES, US, ["virginia", "states", "america"], "all"),
        (STATES, US, ["virginia", "states", "america", "all"], "virginia"),
        (STATES, EU, [], "all"),
        (PROXIMITY, US, [], "us-east-1"),
        (PROXIMITY, EU, [], "eu-west-1"),
        (PROXIMITY, ASIA, [], "ap-southeast-1"),
        (PROXIMITY, EU, ["eu-west-1"], "us-east-1"),
        (PROXIMITY, EU, ["us-east-1", "eu-west-1", "ap-southeast-1"], "eu-west-1"),
        (BIASED, EU, [], "us-east-1"),
        (BIASED, EU, ["us-east-1"], "eu-central-1"),
        ([near("us-east-1", 79), near("eu-central-1")], EU, [], "eu-central-1"),
        (SHRUNK, EU, [], "eu-central-1"),
        ([near("eu-west-2"), near("eu-central-1")], EU, [], "eu-west-2"),
        (PAIR, US, [], "first"),
        (PAIR, US, ["first"], "second"),
        (PAIR, US, ["second"], "first"),
        (PAIR, US, ["first", "second"], "first"),
        ([record("only", Simple())], US, ["only"], "only"),
    ],
)
def test_one_record_set_is_answered(
    group: Sequence[RecordSet], client: ClientLocation, down: list[str], expected: str
) -> None:
    assert chosen(group, client, *down) == [expected]


def test_geolocation_without_a_default_has_no_answer_for_other_places() -> None:
    assert chosen(PLACES[:2], ASIA) == []


@given(st.lists(st.sampled_from(AWS_REGIONS), min_size=1, unique=True), st.sampled_from(CLIENT_LOCATIONS), st.data())
def test_latency_answers_the_nearest_healthy_region(
    regions: list[str], client: ClientLocation, data: st.DataObject
) -> None:
    down = data.draw(st.sets(st.sampled_from(regions)))
    [answer] = chosen([record(region, Latency(region)) for region in regions], client, *down)
    candidates = [region for region in regions if region not in down] or regions
    assert answer in candidates
    assert all(distance(REGIONS[answer], client) <= distance(REGIONS[other], client) for other in candidates)


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 255), min_size=1), st.integers(), st.data())
def test_weighted_prefers_healthy_records_with_a_weight(
    weights: dict[str, int], seed: int, data: st.DataObject
) -> None:
    down = data.draw(st.sets(st.sampled_from(sorted(weights))))
    group = [record(identifier, Weighted(weight)) for identifier, weight in weights.items()]
    [answer] = choose(group, US, all_but(*down), Random(seed))  # noqa: S311
    healthy = set(weights) - down
    weighty = {identifier for identifier, weight in weights.items() if weight}
    assert answer.identifier in (healthy & weighty or healthy or weighty or set(weights))


def test_weights_are_proportions() -> None:
    group = [record("rare", Weighted(1)), record("often", Weighted(9)), record("never", Weighted(0))]
    random = Random(7)  # noqa: S311
    answers = [choose(group, US, all_but(), random)[0].identifier for _ in range(2000)]
    assert 120 < answers.count("rare") < 280
    assert "never" not in answers


def test_the_weight_zero_of_the_api_is_a_weight() -> None:
    assert parse({"Name": "a.test.", "Type": "A", "SetIdentifier": "x", "Weight": 0}, "Z1").policy == Weighted(0)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ({"AWSRegion": "ap-southeast-1"}, Geoproximity(1.4, 103.8)),
        ({"AWSRegion": "ap-southeast-1", "Bias": -99}, Geoproximity(1.4, 103.8, -99)),
        ({"Coordinates": {"Latitude": "-33.92", "Longitude": "18.42"}, "Bias": 7}, Geoproximity(-33.92, 18.42, 7)),
    ],
)
def test_a_geoproximity_record_is_at_a_region_or_at_coordinates(
    location: dict[str, object], expected: Geoproximity
) -> None:
    raw = {"Name": "a.test.", "Type": "A", "SetIdentifier": "x", "GeoProximityLocation": location}
    assert parse(raw, "Z1").policy == expected


@given(st.integers(1, 20), st.data())
def test_multivalue_answers_up_to_eight_healthy_ones(size: int, data: st.DataObject) -> None:
    identifiers = [str(number) for number in range(size)]
    down = data.draw(st.sets(st.sampled_from(identifiers)))
    answer = chosen([record(identifier, Multivalue()) for identifier in identifiers], US, *down)
    candidates = set(identifiers) - down or set(identifiers)
    assert set(answer) <= candidates
    assert len(answer) == len(set(answer)) == min(8, len(candidates))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"CidrRoutingConfig": {"CollectionId": "c", "LocationName": "l"}}, "not emulated: IP-based"),
        ({"GeoProximityLocation": {"AWSRegion": "mars-north-1"}}, "no coordinates are known of region mars-north-1"),
        (
            {"GeoProximityLocation": {"LocalZoneGroup": "us-west-2-den-1"}},
            "no coordinates are known of local zone group us-west-2-den-1",
        ),
        ({"Region": "us-east-1", "Weight": 1}, "not emulated: weighted with latency"),
        ({"Region": "mars-north-1"}, "no coordinates are known of region mars-north-1"),
        ({}, "a set identifier but no routing policy"),
        ({"Weight": 1, "ResourceRecords": [{"Value": "not an address"}]}, "'not an address' is not accepted"),
        (
            {"Weight": 1, "AliasTarget": {"HostedZoneId": "Z9", "DNSName": "b.test", "EvaluateTargetHealth": True}},
            "alias not emulated: b.test is in another zone",
        ),
    ],
)
def test_a_record_that_is_not_emulated_is_refused_by_name(raw: dict[str, object], reason: str) -> None:
    with pytest.raises(RefusedRecord, match=r"www\.example\.test\. A: ") as refusal:
        parse({"Name": "www.example.test.", "Type": "A", "SetIdentifier": "x", **raw}, "Z1")
    assert reason in str(refusal.value)
