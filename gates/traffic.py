"""Computes the shares of clients that DNS records and load balancers send to each target."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gates.accelerators import accelerators, endpoint_groups
from gates.limits import Limits
from gates.plan import Resource, known
from gates.resource_types import BALANCERS, RECORDS

# Maps each target of DNS records or load balancers to its share of the clients. The shares add up to 1.
Split = Mapping[str, float]

# In the result of `splits`, the keys with this suffix describe accelerators. The rest of such a key is a DNS name that
# resolves to the accelerator. The value says which share of its clients the accelerator sends to each region.
DIALS = " traffic dials"

# The plan gate checks a Pulumi plan before `pulumi up`. It treats two shares of clients as equal if their difference is
# smaller than this number. Rounding can cause such a small difference.
ROUNDING = 1e-9

_ROUTING = (
    "weightedRoutingPolicies",
    "latencyRoutingPolicies",
    "geolocationRoutingPolicies",
    "geoproximityRoutingPolicy",
    "multivalueAnswerRoutingPolicy",
    "failoverRoutingPolicies",
    "routingPolicy",
)


# The codes of all continents in Route 53's geolocation records.
_CONTINENTS = frozenset({"AF", "AN", "AS", "EU", "NA", "OC", "SA"})


def client_names(resources: Iterable[Resource], limits: Limits) -> frozenset[str]:
    """Returns the host names that clients use. These are the names that an edge network serves, and the names in
    `limits.hostnames`.
    """
    found = set(limits.hostnames)
    for resource in resources:
        inputs = resource.inputs
        found |= {str(inputs.get("pattern", "")).split("/")[0], str(inputs.get("hostname", ""))}
        if resource.type == "aws:cloudfront/distribution:Distribution":
            found |= set(inputs.get("aliases") or ())
    return frozenset(found - {""})


def splits(resources: Sequence[Resource], names: frozenset[str], limits: Limits) -> dict[str, Split]:
    """Returns how clients are split among targets. The result has one split for each DNS name with its record type
    (such as the key `packages.example.com CNAME`), for each load balancer, and for each DNS name of an accelerator
    (with the suffix DIALS). A split maps each target to its share of the clients.

    The result contains the DNS names in `names`, and all DNS names whose records have a routing policy. If `names` is
    empty, the result contains all DNS names.
    """
    grouped: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        if resource.type in RECORDS and (host_of(resource) in names or not names or _has_routing_policy(resource)):
            grouped[f"{host_of(resource)} {resource.inputs.get('type', '')}"].append(resource)
    former = _wildcard_targets(resources)
    found = {
        name: {**dict.fromkeys(former.get(name.partition(".")[2], ()), 0.0), **_split(alike, limits)}
        for name, alike in grouped.items()
    }
    balancers = (resource for resource in resources if resource.type in BALANCERS)
    dials = dict(_dials(resources))
    return found | {balancer.label: _shares(list(_pools(balancer))) for balancer in balancers} | dials


def _wildcard_targets(resources: Iterable[Resource]) -> dict[str, list[str]]:
    """Returns the targets of each wildcard record. For the record `*.pops.example.com` of type A, the key is
    `pops.example.com A`.

    A wildcard record applies only to names that have no records of their own. If a name has its own records, no client
    of this name reaches the targets of the wildcard record.
    """
    wildcards = [one for one in resources if one.type in RECORDS and host_of(one).startswith("*.")]
    return {f"{host_of(one)[2:]} {one.inputs.get('type', '')}": _targets(one) for one in wildcards}


def _split(alike: Sequence[Resource], limits: Limits) -> Split:
    """Returns the share of clients that each target of the given DNS records gets. All records have the same name and
    type.

    If geolocation records cover all continents, the default record gets the weight 0. Route 53 then uses the default
    record only in two cases: it does not know a client's location, or the records of the client's area are unhealthy.
    """
    covered = {_location(record).get("continent") for record in alike} >= _CONTINENTS

    def weight(record: Resource) -> float:
        return 0.0 if covered and _location(record).get("country") == "*" else _weight(record, limits)

    return _shares([(weight(record), _targets(record)) for record in alike])


def _location(record: Resource) -> Mapping[str, str]:
    places: Sequence[Mapping[str, str]] = record.inputs.get("geolocationRoutingPolicies") or [{}]
    return places[0]


def _dials(resources: Sequence[Resource]) -> Iterator[tuple[str, Split]]:
    """Yields each DNS name that is an alias of an accelerator. With each name, yields the shares of clients that the
    accelerator sends to its regions.
    """
    for record in resources:
        if record.type in RECORDS and accelerators(record, resources):
            dials = {
                str(one.inputs.get("endpointGroupRegion")): float(one.inputs.get("trafficDialPercentage", 100)) / 100
                for one in endpoint_groups(record, resources)
            }
            yield f"{host_of(record)}{DIALS}", _behind_dials(dials)


def _behind_dials(dials: Mapping[str, float]) -> Split:
    """Returns the shares of clients that an accelerator sends to its regions. `dials` maps each region to its traffic
    dial, from 0 to 1.

    With the dial 0.6, a region serves 60 % of the clients that are nearest to the region. The other clients go to other
    regions (AWS Global Accelerator Developer Guide, "Adjusting traffic flow with traffic dials"). The function makes
    two assumptions. Each region is nearest to the same number of clients. Clients that go to other regions are divided
    among these in proportion to their dials.
    """
    found: defaultdict[str, float] = defaultdict(float)
    for region, dial in dials.items():
        others = {other: share for other, share in dials.items() if other != region}
        total = sum(others.values())
        # if all other regions have the traffic dial 0, they accept no clients, and the region serves its own clients
        kept = dial if total else 1.0
        found[region] += kept / len(dials)
        for other, share in others.items():
            found[other] += (1 - kept) * share / total / len(dials) if total else 0.0
    return found


def moved(before: Split, after: Split) -> float:
    """Returns the share of clients that a change sends to another target. `before` and `after` map each target to its
    share of the clients before and after the change. The result is half the sum of the absolute differences between
    each target's two shares (total variation distance). If only `before` or only `after` is empty, the result is 1.
    """
    lost = abs(sum(before.values()) - sum(after.values()))
    return (lost + sum(abs(before.get(one, 0.0) - after.get(one, 0.0)) for one in before.keys() | after.keys())) / 2


def host_of(record: Resource) -> str:
    """Returns the name of a DNS record, without the dot at its end."""
    return str(record.inputs.get("name", "")).rstrip(".")


def _has_routing_policy(record: Resource) -> bool:
    return any(record.inputs.get(policy) for policy in _ROUTING)


def _weight(record: Resource, limits: Limits) -> float:
    weighted = record.inputs.get("weightedRoutingPolicies")
    if weighted:
        return float(weighted[0]["weight"])
    failover = record.inputs.get("failoverRoutingPolicies")
    if failover:
        # with failover routing, Route 53 answers with the secondary record only while the primary record is unhealthy
        return float(failover[0].get("type") != "SECONDARY")
    share = limits.shares.get(str(record.inputs.get("setIdentifier", "")), 1.0)
    proximity: Mapping[str, Any] = record.inputs.get("geoproximityRoutingPolicy") or {}
    # Route 53 chooses the region for which distance * (1 - bias / 100) is smallest, so a larger bias attracts more
    # clients. How many more depends on the clients' locations, which the plan does not contain. As an estimate, the
    # function multiplies the region's share of clients by 1 / (1 - bias / 100).
    return share / (1 - float(proximity.get("bias") or 0) / 100)


def _targets(record: Resource) -> list[str]:
    inputs = record.inputs
    values: Sequence[Any] = inputs.get("records") or inputs.get("rrdatas") or ()
    if inputs.get("aliases"):
        values = [alias.get("name") for alias in inputs["aliases"]]
    elif "content" in inputs or "value" in inputs:
        values = [inputs.get("content", inputs.get("value"))]
    return [_target(value, number, record) for number, value in enumerate(values)]


def _target(value: Any, number: int, resource: Resource) -> str:
    """Returns a string that identifies the target of a DNS record or of a load balancer's pool. If Pulumi does not know
    the target before `pulumi up`, the string contains the resource's URN, and therefore differs from the string of
    every known target.
    """
    return json.dumps(value, sort_keys=True) if known(value) else f"{resource.urn} {number}, known after the apply"


def _pools(balancer: Resource) -> Iterator[tuple[float, list[str]]]:
    inputs = balancer.inputs
    for number, origin in enumerate(inputs.get("origins") or ()):
        if origin.get("enabled", True):
            yield float(origin.get("weight", 1.0)), [_target(origin.get("address"), number, balancer)]
    pools: Sequence[Any] = inputs.get("defaultPools") or ()
    steering: Mapping[str, Any] = inputs.get("randomSteering") or {"defaultWeight": 1.0}
    weights: Mapping[str, float] = steering.get("poolWeights") or {"": 1.0}
    first_only = inputs.get("steeringPolicy", "off") == "off"
    for number, pool in enumerate(pools[:1] if first_only else pools):
        weight = weights.get(pool, float(steering.get("defaultWeight", 1.0)))
        yield weight, [_target(pool, number, balancer)]


def _shares(weighted: Sequence[tuple[float, list[str]]]) -> Split:
    total = sum(weight for weight, targets in weighted if targets)
    found: defaultdict[str, float] = defaultdict(float)
    for weight, targets in weighted:
        for target in targets:
            found[target] += weight / total / len(targets) if total else 0.0
    return found
