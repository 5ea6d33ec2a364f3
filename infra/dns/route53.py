"""Geo-DNS on Route 53. The hostname that clients connect to has weighted records, and the shields (regional caches)
have latency records. Each of these records has a health check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from contract import revocations
from contract.regions import latency_regions
from contract.shields import HEALTH_PATH, HEALTH_PORT
from infra.dns import DnsArgs
from infra.dns.alarms import edge_alarms, feed_alarm, machine_alarms, network_alarm, region_alarm
from infra.dns.records import (
    TTL_SECONDS,
    LatencyRecord,
    WeightedRecord,
    any_of,
    http_check,
    https_check,
    latency_record,
    value_in_zone,
    weighted_record,
)
from infra.edge import ValidationRecord
from infra.observability import CloudWatchAlarm
from infra.shield import Node, host

# The value of a validation record that somebody has deleted after the edge network validated the hostname. The network
# no longer reads the record.
_VALIDATED = "validated"


class Dns(pulumi.ComponentResource):
    """The public DNS zone: the hostname that clients connect to, a name for each shield machine (a regional cache), and
    a name for the nearest healthy shield region.
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
        edge = self._edge_record()
        machines = {node.name: self._node_record(node) for node in args.nodes}
        places = self._shield_records(regions, machines)
        self.alarms = [
            *edge_alarms(args.hostname, edge.id),
            *self._network_alarms(),
            feed_alarm(https_check("edge-feed", args.hostname, revocations.HEALTH_PATH, self._child).id),
            *(alarm for name, check in machines.items() for alarm in machine_alarms(name, check.id)),
            *(region_alarm(place, check.id) for place, check in places.items()),
        ]
        self.zone_id = self._zone.zone_id
        self.name_servers = self._zone.name_servers
        self.register_outputs({"zone_id": self.zone_id, "name_servers": self.name_servers})

    def _edge_record(self) -> aws.route53.HealthCheck:
        """Creates the record that points from the stack's hostname to the edge. Also creates a health check that
        connects to this hostname, as clients do, and returns the health check.

        Pulumi creates the record only when the edge serves the hostname. A client therefore never connects to a name
        without a certificate. The record is weighted even if the hostname has no other record. Operators can later add
        PoPs of our own to the stack, and these PoPs need a second, weighted record. Route 53 accepts the second record
        only if the first record is weighted too.
        """
        args = self._args
        check = https_check("edge", args.hostname, HEALTH_PATH, self._child)
        # If the stack has PoPs of our own, requests of the health check `edge` go to Cloudflare or to a PoP. A second
        # health check therefore requests `args.edge.target`, a name that always resolves to Cloudflare.
        self._network_check = (
            https_check("edge-cloudflare", args.edge.target, HEALTH_PATH, self._child) if args.second_network else None
        )
        served = pulumi.ResourceOptions(
            parent=self, depends_on=args.edge.activated_by(self._validation_records(), self._zone.name_servers)
        )
        record = WeightedRecord(
            args.hostname, "CNAME", args.edge.target, "cloudflare", args.weight, self._network_check or check
        )
        weighted_record("edge-cloudflare", self._zone.zone_id, record, served)
        return check

    def _network_alarms(self) -> Sequence[CloudWatchAlarm]:
        """Returns a list with the alarm that goes off when Cloudflare does not answer. The list is empty if there are
        no PoPs of our own. In this case, all clients reach Cloudflare, so the alarms on the hostname suffice.
        """
        return [network_alarm("cloudflare", self._network_check.id)] if self._network_check else []

    def _validation_records(self) -> Sequence[pulumi.Resource]:
        """Creates the records by which the edge network validates the hostname that clients connect to."""
        return [
            aws.route53.Record(
                record.purpose,
                zone_id=self._zone.zone_id,
                name=record.name,
                type=record.type,
                ttl=TTL_SECONDS,
                records=[self._validation_value(record)],
                opts=self._child,
            )
            for record in self._args.edge.validation_records
        ]

    def _validation_value(self, record: ValidationRecord) -> pulumi.Output[str]:
        """Returns the value of a validation record. If the edge network no longer says which value it expects, returns
        the value that the record has in the zone.
        """
        opts = pulumi.InvokeOutputOptions(parent=self)

        def value(known: Sequence[str]) -> str | pulumi.Output[str]:
            expected, zone_id = known
            return expected or value_in_zone(zone_id, record.name, record.type, opts).apply(
                lambda present: present or _VALIDATED
            )

        return pulumi.Output.all(record.value, self._zone.zone_id).apply(value)

    def _node_record(self, node: Node) -> aws.route53.HealthCheck:
        """Creates the DNS record and the health check of one shield machine (a regional cache). Returns the health
        check.

        The record does not refer to the health check. DNS answers therefore contain the machine's address even while
        the check fails. If a machine does not answer, the edge worker itself tries another machine.
        """
        aws.route53.Record(
            f"node-{node.name}",
            zone_id=self._zone.zone_id,
            name=host(node, self._args.zone_name),
            type="A",
            ttl=TTL_SECONDS,
            records=[node.address],
            opts=self._child,
        )
        name = host(node, self._args.zone_name)
        return http_check(f"node-{node.name}", name, node.address, HEALTH_PORT, HEALTH_PATH, self._child)

    def _shield_records(
        self, regions: Mapping[str, str], machines: Mapping[str, aws.route53.HealthCheck]
    ) -> Mapping[str, aws.route53.HealthCheck]:
        """Creates the DNS records of the name that all shields (regional caches) share. The name resolves to the region
        that is nearest to the client and has at least one healthy machine.

        Returns the health check of each region.
        """
        checks: dict[str, aws.route53.HealthCheck] = {}
        name = f"shield.{self._args.zone_name}"
        for place, region in regions.items():
            nodes = [node for node in self._args.nodes if node.region == place]
            of_machines = [machines[node.name] for node in nodes]
            checks[place] = any_of(f"region-{place}", f"{place}.{name}", of_machines, self._child)
            record = LatencyRecord(name, "A", [node.address for node in nodes], place, region, checks[place])
            latency_record(f"shield-{place}", self._zone.zone_id, record, self._child)
        return checks
