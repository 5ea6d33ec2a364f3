"""DNS of the PoPs on machines of our own. One name resolves to the healthy PoP that is nearest to the client, and a
weighted record of the clients' hostname leads to this name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract.pops import pop_hostname, pops_hostname
from contract.regions import latency_regions
from contract.shields import HEALTH_PATH
from infra.dns.alarms import network_alarm, pop_machine_alarms, pop_region_alarm
from infra.dns.records import LatencyAlias, WeightedRecord, any_of, https_check, latency_alias, weighted_record
from infra.observability import CloudWatchAlarm
from infra.pop import PopNode

# The weight of each machine's record among the records of its region. Equal weights give each machine equally many
# clients.
_MACHINE_WEIGHT = 1


@dataclass(frozen=True)
class PopDnsArgs:
    """Arguments of the component that creates DNS records and health checks for PoPs on machines of our own.

    The names of the PoPs are in the DNS zone `zone_name`. Health checks request `hostname`, which clients use. `weight`
    is the weight, from 0 to 100, of the record that leads `hostname` to the PoPs. This record is created after the
    resources in `after`, which must contain the record that leads `hostname` to Cloudflare. While a name has only one
    record, Route 53 answers with this record even if its weight is 0.
    """

    zone_id: pulumi.Input[str]
    zone_name: str
    hostname: str
    nodes: Sequence[PopNode]
    weight: int
    after: Sequence[pulumi.Resource]


class PopDns(pulumi.ComponentResource):
    """The DNS names of our own PoPs, with a health check of each machine, of each region and of all machines together.

    The clients' hostname leads to `pops.<zone>`. This name has an alias for each region, and Route 53 answers with the
    alias of the region that has the lowest latency for the client. Each alias leads to the name of its region, which
    has a record for each machine.
    """

    alarms: Sequence[CloudWatchAlarm]

    def __init__(self, name: str, args: PopDnsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:dns:PopDns", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        hostname = pops_hostname(args.zone_name)
        checks = {
            node.name: https_check(node.name, args.hostname, HEALTH_PATH, self._child, node.address)
            for node in args.nodes
        }
        alarms = [alarm for name, check in checks.items() for alarm in pop_machine_alarms(name, check.id)]
        aliases: list[pulumi.Resource] = []
        for place, region in latency_regions(node.region for node in args.nodes).items():
            nodes = [node for node in args.nodes if node.region == place]
            target = pop_hostname(args.zone_name, place)
            check = any_of(f"pop-region-{place}", target, [checks[node.name] for node in nodes], self._child)
            alarms.append(pop_region_alarm(place, check.id))
            machines = pulumi.ResourceOptions(
                parent=self, depends_on=[self._machine_record(target, node, checks[node.name]) for node in nodes]
            )
            alias = LatencyAlias(hostname, "A", target, place, region)
            aliases.append(latency_alias(f"pops-{place}", args.zone_id, alias, machines))
        network = any_of("edge-own", hostname, list(checks.values()), self._child)
        self._network_record(hostname, network, aliases)
        self.alarms = [*alarms, network_alarm("own", network.id)]
        self.register_outputs({"hostname": hostname})

    def _machine_record(self, name: str, node: PopNode, check: aws.route53.HealthCheck) -> aws.route53.Record:
        record = WeightedRecord(name, "A", node.address, node.name, _MACHINE_WEIGHT, check)
        return weighted_record(node.name, self._args.zone_id, record, self._child)

    def _network_record(
        self, target: str, check: aws.route53.HealthCheck, aliases: Sequence[pulumi.Resource]
    ) -> aws.route53.Record:
        """Creates the record that leads the clients' hostname to the PoPs.

        The record is no alias, because an alias has the type of its target, and the target has A records. The clients'
        hostname already has a CNAME record that leads to Cloudflare, and Route 53 allows no A record beside a CNAME
        record.
        """
        args = self._args
        record = WeightedRecord(args.hostname, "CNAME", target, "own", args.weight, check)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*aliases, *args.after])
        return weighted_record("edge-own", args.zone_id, record, opts)
