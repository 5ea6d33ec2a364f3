"""Checks the settings of the DNS routing policy, which determines to which of our own PoPs a client connects."""

from __future__ import annotations

from collections.abc import Iterator

from infra.dns.geolocation import regions_by_area
from infra.dns.pop_routing import MOST_GEOPROXIMITY_REGIONS
from stacks.config.messages import NAMESPACE
from stacks.config.sections import StackConfig


def problems_of_routing(config: StackConfig) -> Iterator[str]:
    """Yields an error message for each setting that does not fit the chosen routing policy of Route 53. The policy does
    not support the setting, or the setting has no effect with this policy.
    """
    regions = [pop.region for pop in config.pops]
    others = f"another {NAMESPACE}:pops_routing than {config.pops_routing!r}"
    if config.pops_routing != "latency" and not regions:
        yield (
            f"{NAMESPACE}:pops_routing: {config.pops_routing!r} has no effect, because {NAMESPACE}:pops is empty; use"
            " 'latency', or add PoPs first"
        )
    if config.pops_routing == "geoproximity" and len(regions) > MOST_GEOPROXIMITY_REGIONS:
        yield (
            f"{NAMESPACE}:pops: Route 53 allows {MOST_GEOPROXIMITY_REGIONS} geoproximity records of a name, not"
            f" {len(regions)}; name fewer regions, or use {others}"
        )
    if config.pops_routing == "geolocation" and regions:
        served = set(regions_by_area(regions).values())
        yield from (
            f"{NAMESPACE}:pops[{number}].region: 'geolocation' leads no country and no US state to {region!r};"
            f" remove the entry, or use {others}"
            for number, region in enumerate(regions)
            if region not in served
        )
    if config.pops_routing != "geoproximity":
        yield from (
            f"{NAMESPACE}:pops[{number}].bias: {pop.bias} has no effect; use 0, or {NAMESPACE}:pops_routing"
            " 'geoproximity'"
            for number, pop in enumerate(config.pops)
            if pop.bias
        )
