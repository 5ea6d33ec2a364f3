"""Creates the DNS records that resolve to our own PoPs. The routing policy, a setting in the stack's config, determines
which region's PoPs a client gets.

Route 53 refuses records with different routing policies under one name, so each policy has its own name. The hostname
that clients connect to has one record, which points to the name of the chosen policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from contract.pops import PopRouting, pop_hostname, pops_hostname, routed_hostname
from contract.regions import REGIONS
from infra.dns.geolocation import regions_by_area

# The maximum number of geoproximity records that Route 53 allows for one name and type (Route 53 Developer Guide,
# "Quotas on records").
MOST_GEOPROXIMITY_REGIONS = 30


@dataclass(frozen=True)
class PopRegions:
    """The regions with PoPs of our own, and the DNS zone for their records. `biases` maps each of these regions to the
    bias of its geoproximity record. `latency_records` are the latency records of `pops.<zone>`, one for each region.
    """

    zone_id: pulumi.Input[str]
    zone_name: str
    biases: Mapping[str, int]
    latency_records: Sequence[pulumi.Resource]


def routed_records(routing: PopRouting, regions: PopRegions, parent: pulumi.Resource) -> Sequence[pulumi.Resource]:
    """Returns the DNS records that resolve to a region by the given routing policy. The function creates the records
    for geolocation and geoproximity. For latency, it returns `regions.latency_records`, which exist already.
    """
    match routing:
        case "latency":
            return regions.latency_records
        case "geolocation":
            return _geolocation_records(regions, parent)
        case "geoproximity":
            return _geoproximity_records(regions, parent)


def former_names(regions: PopRegions, parent: pulumi.Resource) -> aws.route53.Record:
    """Creates a wildcard record for all names below `pops.<zone>` that have no records of their own.

    Each routing policy has a name of its own, such as `geolocation.pops.<zone>`. After a change of the policy,
    resolvers still ask for the former name until the TTL of their cached answer ends. With the wildcard record, these
    clients get the nearest healthy PoP.
    """
    target = pops_hostname(regions.zone_name)
    return _alias("pops-former-names", regions, parent, f"*.{target}", target)


def _geolocation_records(regions: PopRegions, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """Creates a geolocation record for each area that `regions_by_area` returns, and the default record.

    Route 53 uses the default record for a client whose location is unknown, or if the records of the client's area are
    unhealthy. The default record leads to the latency records of all regions, so the client gets the nearest healthy
    region.

    The records of areas depend on the default record. The engine therefore deletes the default record last. Otherwise,
    Route 53 would have no answer for clients of an area whose record is already deleted.
    """
    name = routed_hostname(regions.zone_name, "geolocation")

    def record(identifier: str, target: str, after: Sequence[pulumi.Resource], **location: str) -> aws.route53.Record:
        policy = {"set_identifier": identifier, "geolocation_routing_policies": [location]}
        return _alias(f"pops-{identifier}", regions, parent, name, target, after, **policy)

    default = record("default", pops_hostname(regions.zone_name), (), country="*")
    created: list[pulumi.Resource] = [default]
    for area, region in regions_by_area(regions.biases).items():
        location = {"continent": area.continent, "country": area.country, "subdivision": area.state}
        given = {key: code for key, code in location.items() if code}
        created.append(record(area.identifier, pop_hostname(regions.zone_name, region), [default], **given))
    return created


def _geoproximity_records(regions: PopRegions, parent: pulumi.Resource) -> list[pulumi.Resource]:
    name = routed_hostname(regions.zone_name, "geoproximity")
    return [
        _alias(
            f"pops-near-{region}",
            regions,
            parent,
            name,
            pop_hostname(regions.zone_name, region),
            set_identifier=region,
            geoproximity_routing_policy=_place(region, bias),
        )
        for region, bias in regions.biases.items()
    ]


def _place(region: str, bias: int) -> aws.route53.RecordGeoproximityRoutingPolicyArgsDict:
    """Returns the location of a region's geoproximity record. Route 53 knows the locations of AWS regions only, so the
    location of a Google Cloud region is given as coordinates.
    """
    known = REGIONS[region]
    if known.cloud == "aws":
        return {"aws_region": region, "bias": bias}
    coordinates: aws.route53.RecordGeoproximityRoutingPolicyCoordinateArgsDict = {
        "latitude": f"{known.latitude:.2f}",
        "longitude": f"{known.longitude:.2f}",
    }
    return {"coordinates": [coordinates], "bias": bias}


def _alias(
    resource: str,
    regions: PopRegions,
    parent: pulumi.Resource,
    name: str,
    target: str,
    after: Sequence[pulumi.Resource] = (),
    **policy: Any,
) -> aws.route53.Record:
    """Creates an alias record in the zone, from `name` to `target`. Route 53 skips the alias while no record of
    `target` is healthy. The alias depends on the resources `after`.
    """
    return aws.route53.Record(
        resource,
        zone_id=regions.zone_id,
        name=name,
        type="A",
        aliases=[{"name": target, "zone_id": regions.zone_id, "evaluate_target_health": True}],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*regions.latency_records, *after]),
        **policy,
    )
