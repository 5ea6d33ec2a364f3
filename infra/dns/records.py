"""Creates health checks of Route 53, and DNS records that resolve to the healthy region nearest to the client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

# The number of seconds for which a resolver may cache a DNS answer. A health check fails after three failed probes, 10
# seconds apart. Clients therefore leave a failed region after at most a minute: 30 seconds for the health check and 30
# for cached answers.
TTL_SECONDS = 30

_CHECK_SECONDS = 10  # seconds between two probes of a health check: Route 53 accepts only 10 and 30
_CHECK_FAILURES = 3
_HTTPS = 443


@dataclass(frozen=True)
class LatencyRecord:
    """One of several DNS records of a name. Route 53 answers a client with the record whose `region` has the lowest
    latency for this client. Route 53 leaves out a record while its health check `check` fails. `place` distinguishes
    the records of one name.
    """

    name: str
    type: str
    values: Sequence[pulumi.Input[str]]
    place: str
    region: str
    check: aws.route53.HealthCheck


@dataclass(frozen=True)
class LatencyAlias:
    """One of several alias records of a name. Route 53 answers a client with the alias whose `region` has the lowest
    latency for this client. The alias points to the records of `target`, a name in the zone. Route 53 leaves out the
    alias while none of these records is healthy. `place` distinguishes the alias records of one name.
    """

    name: str
    type: str
    target: str
    place: str
    region: str


@dataclass(frozen=True)
class FailoverAlias:
    """One of the two alias records of a name. While the primary record is healthy, clients get the addresses of its
    target. Otherwise, clients get the addresses of the secondary record's target.

    `target` is a DNS name in the hosted zone `target_zone_id`. If `check` is given, this health check decides whether
    the record is healthy. Otherwise, the health of the target's own records decides.
    """

    name: str
    target: pulumi.Input[str]
    target_zone_id: pulumi.Input[str]
    role: Literal["PRIMARY", "SECONDARY"]
    check: aws.route53.HealthCheck | None = None


@dataclass(frozen=True)
class WeightedRecord:
    """A DNS record that shares its name with other records. For each client, Route 53 chooses one of these records, in
    proportion to `weight`. Route 53 leaves out a record while its health check `check` fails. `identifier`
    distinguishes the records of one name.
    """

    name: str
    type: str
    value: pulumi.Input[str]
    identifier: str
    weight: int
    check: aws.route53.HealthCheck


def https_check(
    name: str, hostname: str, path: str, opts: pulumi.ResourceOptions, address: pulumi.Input[str] | None = None
) -> aws.route53.HealthCheck:
    """Creates a Route 53 health check that requests a path of `hostname` as clients do. If `address` is given, the
    check connects to this address. Otherwise, the check connects to the address that the hostname resolves to.
    """
    return aws.route53.HealthCheck(
        name,
        type="HTTPS",
        fqdn=hostname,
        ip_address=address,
        port=_HTTPS,
        resource_path=path,
        enable_sni=True,
        request_interval=_CHECK_SECONDS,
        failure_threshold=_CHECK_FAILURES,
        tags={"Name": hostname if address is None else name},
        opts=opts,
    )


def http_check(
    name: str, label: str, address: pulumi.Input[str], port: int, path: str, opts: pulumi.ResourceOptions
) -> aws.route53.HealthCheck:
    """Creates a Route 53 health check that requests a path at an address over plain HTTP. `label` is the name that the
    AWS console shows.
    """
    return aws.route53.HealthCheck(
        name,
        type="HTTP",
        ip_address=address,
        port=port,
        resource_path=path,
        request_interval=_CHECK_SECONDS,
        failure_threshold=_CHECK_FAILURES,
        tags={"Name": label},
        opts=opts,
    )


def any_of(
    name: str, label: str, checks: Sequence[aws.route53.HealthCheck], opts: pulumi.ResourceOptions
) -> aws.route53.HealthCheck:
    """Creates a Route 53 health check that passes while at least one of the given health checks passes."""
    return aws.route53.HealthCheck(
        name,
        type="CALCULATED",
        child_healthchecks=[check.id for check in checks],
        child_health_threshold=1,
        tags={"Name": label},
        opts=opts,
    )


def weighted_record(
    name: str, zone_id: pulumi.Input[str], record: WeightedRecord, opts: pulumi.ResourceOptions
) -> aws.route53.Record:
    return aws.route53.Record(
        name,
        zone_id=zone_id,
        name=record.name,
        type=record.type,
        ttl=TTL_SECONDS,
        records=[record.value],
        set_identifier=record.identifier,
        weighted_routing_policies=[{"weight": record.weight}],
        health_check_id=record.check.id,
        opts=opts,
    )


def latency_alias(
    name: str, zone_id: pulumi.Input[str], alias: LatencyAlias, opts: pulumi.ResourceOptions
) -> aws.route53.Record:
    """Creates an alias record. Route 53 skips the record while no record of the alias target is healthy.

    Route 53 refuses an alias whose target does not exist. The caller must therefore pass `opts` that make the alias
    depend on the target's records.
    """
    return aws.route53.Record(
        name,
        zone_id=zone_id,
        name=alias.name,
        type=alias.type,
        aliases=[{"name": alias.target, "zone_id": zone_id, "evaluate_target_health": True}],
        set_identifier=alias.place,
        latency_routing_policies=[{"region": alias.region}],
        opts=opts,
    )


def failover_alias(
    name: str, zone_id: pulumi.Input[str], alias: FailoverAlias, opts: pulumi.ResourceOptions
) -> aws.route53.Record:
    """Creates an alias record of type A with failover routing."""
    return aws.route53.Record(
        name,
        zone_id=zone_id,
        name=alias.name,
        type="A",
        aliases=[
            {
                "name": alias.target,
                "zone_id": alias.target_zone_id,
                "evaluate_target_health": alias.check is None,
            }
        ],
        set_identifier=alias.role.lower(),
        failover_routing_policies=[{"type": alias.role}],
        health_check_id=alias.check.id if alias.check else None,
        opts=opts,
    )


def failover_record(
    name: str,
    zone_id: pulumi.Input[str],
    hostname: str,
    address: pulumi.Input[str],
    check: aws.route53.HealthCheck,
    opts: pulumi.ResourceOptions,
) -> aws.route53.Record:
    """Creates the primary A record of a name with failover routing. Clients get `address` while `check` passes."""
    return aws.route53.Record(
        name,
        zone_id=zone_id,
        name=hostname,
        type="A",
        ttl=TTL_SECONDS,
        records=[address],
        set_identifier="primary",
        failover_routing_policies=[{"type": "PRIMARY"}],
        health_check_id=check.id,
        opts=opts,
    )


def latency_record(
    name: str, zone_id: pulumi.Input[str], record: LatencyRecord, opts: pulumi.ResourceOptions
) -> aws.route53.Record:
    return aws.route53.Record(
        name,
        zone_id=zone_id,
        name=record.name,
        type=record.type,
        ttl=TTL_SECONDS,
        records=record.values,
        set_identifier=record.place,
        latency_routing_policies=[{"region": record.region}],
        health_check_id=record.check.id,
        opts=opts,
    )


def value_in_zone(
    zone_id: pulumi.Input[str], name: str, type: str, opts: pulumi.InvokeOutputOptions
) -> pulumi.Output[str]:
    """Returns the value of a DNS record that the zone has now, without quotation marks. Returns an empty string if the
    zone has no such record.
    """
    found = aws.route53.get_records_output(zone_id=zone_id, name_regex=rf"^{re.escape(name)}\.$", opts=opts)
    return found.resource_record_sets.apply(
        lambda sets: next((each.resource_records[0].value.strip('"') for each in sets or () if each.type == type), "")
    )
