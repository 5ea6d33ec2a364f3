"""Reads zones and health checks from the emulated Route 53 and converts them for the DNS server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, cast

import boto3

from emulation.dns import health, zones


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of the emulated Route 53 and Global Accelerator: the public zones with their records, the health
    checks, and the accelerators. Zones, records and health checks have the form of the Route 53 API. Each accelerator
    is represented by its DNS name and its addresses. The DNS server builds its zones again only when a snapshot differs
    from the previous one.
    """

    zones: tuple[tuple[Mapping[str, Any], tuple[Mapping[str, Any], ...]], ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    accelerators: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Route53:
    """Reads the zones, records and health checks of the emulated Route 53, and the accelerators of the emulated Global
    Accelerator, through their APIs. The class does not use the AWS credentials in the environment variables. A read
    blocks the calling thread. `url` is the URL of the emulated AWS. Without `url`, the class calls the emulated AWS in
    this process.
    """

    def __init__(self, url: str | None = None) -> None:
        session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1")  # noqa: S106
        self._client: Any = cast(Any, session).client("route53", endpoint_url=url)
        self._accelerator_client: Any = cast(Any, session).client(
            "globalaccelerator", region_name="us-west-2", endpoint_url=url
        )

    def read(self) -> Snapshot:
        """Returns the current zones, records and health checks of the emulated Route 53. Raises botocore's errors when
        the API does not answer."""
        listed = [zone for page in self._pages("list_hosted_zones") for zone in page["HostedZones"]]
        public = [zone for zone in listed if not zone["Config"]["PrivateZone"]]
        return Snapshot(
            tuple((zone, self._records(zone["Id"])) for zone in public),
            tuple(check for page in self._pages("list_health_checks") for check in page["HealthChecks"]),
            self._accelerators(),
        )

    def _accelerators(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        pages = self._accelerator_client.get_paginator("list_accelerators").paginate()
        return tuple(
            (each["DnsName"], tuple(address for part in each["IpSets"] for address in part["IpAddresses"]))
            for page in pages
            for each in page["Accelerators"]
        )

    def _records(self, zone_id: str) -> tuple[Mapping[str, Any], ...]:
        pages = self._pages("list_resource_record_sets", HostedZoneId=zone_id)
        return tuple(record for page in pages for record in page["ResourceRecordSets"])

    def _pages(self, operation: str, **arguments: str) -> Any:
        return self._client.get_paginator(operation).paginate(**arguments)


@dataclass(frozen=True)
class Served:
    """The DNS zones and health checks that the sandbox serves. `refused` lists the records and health checks that
    the emulation does not support, with the reasons."""

    zones: tuple[zones.HostedZone, ...]
    checks: tuple[health.Check, ...]
    refused: tuple[str, ...]


def serve(snapshot: Snapshot, healthy: Callable[[str], bool], random: Random) -> Served:
    """Converts Route 53's API listings into DNS zones and health checks. `healthy` is a function that takes the id of a
    health check and returns whether the check is healthy.
    """
    checks: list[health.Check] = []
    refused_checks: dict[str, str] = {}
    for raw in snapshot.checks:
        try:
            checks.append(health.parse(raw))
        except ValueError as error:
            refused_checks[raw["Id"]] = str(error)
    hosted = tuple(
        zones.hosted_zone(zone, records, refused_checks, healthy, random, dict(snapshot.accelerators))
        for zone, records in snapshot.zones
    )
    refused = (*refused_checks.values(), *(reason for zone in hosted for reason in zone.refused.values()))
    return Served(hosted, tuple(checks), refused)
