"""Geo-DNS on Route 53: latency-based records, each with a health check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from contract import revocations
from contract.regions import latency_regions
from contract.shields import HEALTH_PATH, HEALTH_PORT
from infra.dns import DnsArgs
from infra.dns.alarms import edge_alarms, feed_alarm, machine_alarms, region_alarm
from infra.observability import CloudWatchAlarm
from infra.shield import Node, host

# How many seconds a resolver may cache a DNS answer. The health checks take thirty seconds to fail, so clients leave a
# failed region within a minute.
_TTL_SECONDS = 30

_CHECK_SECONDS = 10  # seconds between health checks: Route 53 offers 10 and 30
_CHECK_FAILURES = 3


class Dns(pulumi.ComponentResource):
    """The public DNS zone: the clients' hostname, a name for each shield machine, and a name for the nearest healthy
    shield region.
    """

    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[Sequence[str]]
    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: DnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:dns:Dns", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._zone = aws.route53.Zone(
            name,
            name=args.zone_name,
            comment="artifact-edge: package distribution",
            force_destroy=args.removable,
            opts=self._child,
        )
        regions = latency_regions(node.region for node in args.nodes)
        edge = self._edge_records(regions)
        machines = {node.name: self._node_record(node) for node in args.nodes}
        places = self._shield_records(regions, machines)
        self.alarms = [
            *edge_alarms(args.hostname, edge.id),
            feed_alarm(self._edge_check("edge-feed", revocations.HEALTH_PATH).id),
            *(alarm for name, check in machines.items() for alarm in machine_alarms(name, check.id)),
            *(region_alarm(place, check.id) for place, check in places.items()),
        ]
        self.zone_id = self._zone.zone_id
        self.name_servers = self._zone.name_servers
        self.register_outputs({"zone_id": self.zone_id, "name_servers": self.name_servers})

    def _edge_records(self, regions: Mapping[str, str]) -> aws.route53.HealthCheck:
        """Creates one latency record per region for the clients' hostname, and the health check that all these records
        share.

        The check requests the hostname itself, as clients do. The records wait until the edge serves the hostname, so
        that no client meets a name without a certificate. Returns the health check.
        """
        check = self._edge_check("edge", HEALTH_PATH)
        served = pulumi.ResourceOptions(
            parent=self, depends_on=self._args.edge.activated_by(self._validation_records(), self._zone.name_servers)
        )
        for place, region in regions.items():
            target = [self._args.edge.target]
            self._latency_record(
                f"edge-{place}", self._args.hostname, "CNAME", target, place, region, check, opts=served
            )
        return check

    def _edge_check(self, name: str, path: str) -> aws.route53.HealthCheck:
        """Creates a Route 53 health check that requests a path on the clients' hostname."""
        return aws.route53.HealthCheck(
            name,
            type="HTTPS",
            fqdn=self._args.hostname,
            port=443,
            resource_path=path,
            enable_sni=True,
            request_interval=_CHECK_SECONDS,
            failure_threshold=_CHECK_FAILURES,
            tags={"Name": self._args.hostname},
            opts=self._child,
        )

    def _validation_records(self) -> Sequence[pulumi.Resource]:
        """Creates the records by which the edge network validates the clients' hostname."""
        return [
            aws.route53.Record(
                record.purpose,
                zone_id=self._zone.zone_id,
                name=record.name,
                type=record.type,
                ttl=_TTL_SECONDS,
                records=[record.value],
                opts=self._child,
            )
            for record in self._args.edge.validation_records
        ]

    def _node_record(self, node: Node) -> aws.route53.HealthCheck:
        """Creates the DNS record and the health check of one shield machine, and returns the check.

        The record resolves even if the check fails, because the edge worker fails over by itself.
        """
        aws.route53.Record(
            f"node-{node.name}",
            zone_id=self._zone.zone_id,
            name=host(node, self._args.zone_name),
            type="A",
            ttl=_TTL_SECONDS,
            records=[node.address],
            opts=self._child,
        )
        return aws.route53.HealthCheck(
            f"node-{node.name}",
            type="HTTP",
            ip_address=node.address,
            port=HEALTH_PORT,
            resource_path=HEALTH_PATH,
            request_interval=_CHECK_SECONDS,
            failure_threshold=_CHECK_FAILURES,
            tags={"Name": host(node, self._args.zone_name)},
            opts=self._child,
        )

    def _shield_records(
        self, regions: Mapping[str, str], machines: Mapping[str, aws.route53.HealthCheck]
    ) -> Mapping[str, aws.route53.HealthCheck]:
        """Creates the DNS records of the shields' common name. A client gets the nearest region with at least one
        healthy machine.

        Returns the health check of each region.
        """
        checks: dict[str, aws.route53.HealthCheck] = {}
        name = f"shield.{self._args.zone_name}"
        for place, region in regions.items():
            nodes = [node for node in self._args.nodes if node.region == place]
            checks[place] = aws.route53.HealthCheck(
                f"region-{place}",
                type="CALCULATED",
                child_healthchecks=[machines[node.name].id for node in nodes],
                child_health_threshold=1,
                tags={"Name": f"{place}.{name}"},
                opts=self._child,
            )
            addresses = [node.address for node in nodes]
            self._latency_record(f"shield-{place}", name, "A", addresses, place, region, checks[place])
        return checks

    def _latency_record(
        self,
        name: str,
        record: str,
        record_type: str,
        values: Sequence[pulumi.Input[str]],
        place: str,
        region: str,
        check: aws.route53.HealthCheck,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        aws.route53.Record(
            name,
            zone_id=self._zone.zone_id,
            name=record,
            type=record_type,
            ttl=_TTL_SECONDS,
            records=values,
            set_identifier=place,
            latency_routing_policies=[{"region": region}],
            health_check_id=check.id,
            opts=opts or self._child,
        )
