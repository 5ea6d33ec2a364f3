"""Tests the rules by which Global Accelerator selects the endpoint for a connection. The Global Accelerator Developer
Guide describes these rules.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from emulation.accelerators.configuration import Endpoint, EndpointGroup
from emulation.accelerators.routing import choose
from emulation.dns.health import Check
from emulation.layout import CLIENT_LOCATIONS, ClientLocation

US, EU, ASIA = CLIENT_LOCATIONS
CONNECTIONS = 1000


def endpoint(name: str, weight: int = 128) -> Endpoint:
    return Endpoint(name, "127.98.2.1", weight, True, Check(name, "TCP"))


def group(region: str, dial: float = 100.0, *endpoints: Endpoint) -> EndpointGroup:
    """Returns an endpoint group. If `endpoints` is empty, the group has one endpoint, which has the same name as the
    region.
    """
    return EndpointGroup(region, dial, endpoints or (endpoint(region),))


def shares(client: ClientLocation, *groups: EndpointGroup, unhealthy: str = "") -> dict[str, float]:
    """Returns the percentage of connections that each endpoint gets. `unhealthy` contains the names of unhealthy
    endpoints, separated by spaces.
    """
    random, lost = Random(1), unhealthy.split()  # noqa: S311
    chosen = [choose(groups, client, lambda each: each.id not in lost, random) for _ in range(CONNECTIONS)]
    counted = Counter(each.id for each in chosen if each)
    assert counted.total() == CONNECTIONS
    return {id: 100 * count / CONNECTIONS for id, count in counted.items()}


def about(**expected: float) -> dict[str, object]:
    return {name.replace("_", "-"): pytest.approx(share, abs=5) for name, share in expected.items()}


@pytest.mark.parametrize(
    ("client", "expected"), [(US, "us-east-1"), (EU, "eu-west-1"), (ASIA, "ap-southeast-1")], ids=["US", "EU", "Asia"]
)
def test_clients_reach_the_nearest_region(client: ClientLocation, expected: str) -> None:
    groups = [group(region) for region in ("ap-southeast-1", "eu-west-1", "us-east-1")]
    assert shares(client, *groups) == {expected: 100}


def test_two_groups_with_the_dial_50_serve_half_of_each_coasts_clients() -> None:
    """Tests the example "Mix traffic between two Regions" from the Global Accelerator Developer Guide."""
    groups = group("us-east-1", 50), group("us-west-2", 50)
    assert shares(US, *groups) == about(us_east_1=50, us_west_2=50)


def test_a_dial_limits_the_connections_that_reach_its_group() -> None:
    groups = group("us-east-1", 80), group("us-west-2", 50), group("eu-west-1")
    assert shares(US, *groups) == about(us_east_1=80, us_west_2=10, eu_west_1=10)


def test_the_dial_0_drains_a_region() -> None:
    assert shares(US, group("us-east-1", 0), group("eu-west-1")) == {"eu-west-1": 100}
    assert shares(US, group("us-east-1"), group("eu-west-1", 0)) == {"us-east-1": 100}


def test_clients_of_a_lost_region_reach_the_next_one_even_with_the_dial_0() -> None:
    lost = "us-east-1"
    assert shares(US, group("us-east-1"), group("us-west-2"), group("eu-west-1"), unhealthy=lost) == {"us-west-2": 100}
    assert shares(US, group("us-east-1"), group("us-west-2", 0), unhealthy=lost) == {"us-west-2": 100}


def test_a_drained_region_gets_clients_when_no_other_is_healthy() -> None:
    assert shares(US, group("us-east-1", 0), group("eu-west-1"), unhealthy="eu-west-1") == {"us-east-1": 100}
    assert shares(US, group("us-east-1", 0), group("eu-west-1", 0)) == {"us-east-1": 100}


def test_endpoints_of_a_group_share_its_connections_by_weight() -> None:
    machines = group("us-east-1", 100, endpoint("a", 192), endpoint("b", 64), endpoint("c", 0))
    assert shares(US, machines) == about(a=75, b=25)
    assert shares(US, machines, unhealthy="a") == {"b": 100}


def test_an_endpoint_of_weight_0_gets_no_clients_of_a_lost_endpoint() -> None:
    machines = group("us-east-1", 100, endpoint("a"), endpoint("b", 0))
    assert shares(US, machines, group("eu-west-1"), unhealthy="a") == {"eu-west-1": 100}


def test_when_no_endpoint_is_healthy_all_endpoints_of_the_nearest_group_get_connections() -> None:
    nearest = group("us-east-1", 0, endpoint("a"), endpoint("b", 0))
    assert shares(US, nearest, group("eu-west-1"), unhealthy="a b eu-west-1") == about(a=50, b=50)


def test_the_search_for_a_healthy_endpoint_ends_after_three_other_groups() -> None:
    regions = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "ap-southeast-1"]
    groups = [group(region) for region in regions]
    assert shares(US, *groups, unhealthy=" ".join(regions[:3])) == {"eu-west-1": 100}
    assert shares(US, *groups, unhealthy=" ".join(regions[:4])) == {"us-east-1": 100}


def test_groups_without_endpoints_get_no_connection() -> None:
    assert shares(US, EndpointGroup("us-east-1", 100, ()), group("eu-west-1")) == {"eu-west-1": 100}
    assert choose([EndpointGroup("us-east-1", 100, ())], US, lambda _: True, Random(1)) is None  # noqa: S311
