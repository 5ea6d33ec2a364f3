"""DNS of the PoPs on machines of our own: one name resolves to the healthy PoP that is nearest to the client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract.pops import pops_hostname
from contract.regions import latency_regions
from contract.shields import HEALTH_PATH
from infra.dns.alarms import pop_machine_alarms, pop_region_alarm
from infra.dns.records import LatencyRecord, any_of, https_check, latency_record
from infra.observability import CloudWatchAlarm
from infra.pop import PopNode


@dataclass(frozen=True)
class PopDnsArgs:
    """Arguments of the component that creates DNS records and health checks for PoPs on machines of our own.

    The names of the PoPs are in the DNS zone `zone_name`. Health checks request `hostname`, which clients use.
    """

    zone_id: pulumi.Input[str]
    zone_name: str
    hostname: str
    nodes: Sequence[PopNode]


class PopDns(pulumi.ComponentResource):
    """The DNS name of our own PoPs, which resolves to the nearest healthy PoP, and a health check of each machine and
    of each region.
    """

    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: PopDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:dns:PopDns", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        hostname = pops_hostname(args.zone_name)
        alarms: list[CloudWatchAlarm] = []
        checks: dict[str, aws.route53.HealthCheck] = {}
        for node in args.nodes:
            checks[node.name] = https_check(node.name, args.hostname, HEALTH_PATH, child, node.address)
            alarms += pop_machine_alarms(node.name, checks[node.name].id)
        for place, region in latency_regions(node.region for node in args.nodes).items():
            nodes = [node for node in args.nodes if node.region == place]
            label = f"{place}.{hostname}"
            check = any_of(f"pop-region-{place}", label, [checks[node.name] for node in nodes], child)
            alarms.append(pop_region_alarm(place, check.id))
            addresses = [node.address for node in nodes]
            record = LatencyRecord(hostname, "A", addresses, place, region, check)
            latency_record(f"pops-{place}", args.zone_id, record, child)
        self.alarms = alarms
        self.register_outputs({"hostname": hostname})
