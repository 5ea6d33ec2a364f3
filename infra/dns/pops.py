"""DNS records of the PoPs on machines of our own. One DNS name stands for all these PoPs. For each client, Route 53
resolves the name to a healthy PoP by a routing policy. The hostname that clients connect to has a weighted record,
which points to this name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from contract.pops import PopRouting, anycast_hostname, pop_hostname, pops_hostname, routed_hostname
from contract.regions import latency_regions
from contract.shields import HEALTH_PATH
from infra.dns.alarms import accelerator_alarm, balancer_alarm, network_alarm, pop_machine_alarms, pop_region_alarm
from infra.dns.pop_routing import PopRegions, former_names, routed_records
from infra.dns.records import (
    FailoverAlias,
    LatencyAlias,
    WeightedRecord,
    any_of,
    failover_alias,
    failover_record,
    https_check,
    latency_alias,
    weighted_record,
)
from infra.observability import CloudWatchAlarm
from infra.pop import AcceleratorEntry, BalancerEntry, PopNode

# The weight of each machine's record among the records of its region. Because the weights are equal, Route 53 sends the
# same share of the clients to each machine.
_MACHINE_WEIGHT = 1


@dataclass(frozen=True)
class PopDnsArgs:
    """Arguments of the component that creates DNS records and health checks for PoPs on machines of our own.

    The DNS names of the PoPs are in the zone `zone_name`. Clients use `hostname`, and health checks request it.
    `weight` is the weight, from 0 to 100, of the record that points from `hostname` to the PoPs. Pulumi creates this
    record after the resources in `after`. These must include the record that points from `hostname` to Cloudflare.
    Without Cloudflare's record, Route 53 would answer with the PoPs' record even if `weight` is 0.

    If `accelerator` is given, clients reach the PoPs through the accelerator's addresses. While the accelerator does
    not answer, clients reach the PoPs through the PoPs' own addresses. The same holds for `balancer`, Google's load
    balancer. At most one of them is given.

    `routing` is the routing policy that chooses a region for each client. For geoproximity, `biases` maps regions to
    their biases. Regions that are missing in `biases` have the bias 0.
    """

    zone_id: pulumi.Input[str]
    zone_name: str
    hostname: str
    nodes: Sequence[PopNode]
    weight: int
    after: Sequence[pulumi.Resource]
    accelerator: AcceleratorEntry | None = None
    balancer: BalancerEntry | None = None
    routing: PopRouting = "latency"
    biases: Mapping[str, int] = field(default_factory=dict[str, int])


class PopDns(pulumi.ComponentResource):
    """The DNS names of our own PoPs, with a health check of each machine, of each region and of all machines together.

    Each region has a DNS name with a record for each machine. Each routing policy has a DNS name with an alias for each
    region. The name is `pops.<zone>` for latency, and `geolocation.pops.<zone>` or `geoproximity.pops.<zone>` for the
    other policies. The hostname that clients connect to has a CNAME record to the name of the chosen policy.

    If there is an accelerator or Google's load balancer, the CNAME record points to `anycast.pops.<zone>`. This name
    resolves to the accelerator or to the load balancer. While this does not answer, the name resolves to the same PoPs
    as the name of the chosen policy.
    """

    alarms: Sequence[CloudWatchAlarm]
    accelerator: AcceleratorEntry | None
    balancer: BalancerEntry | None

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
        regions = PopRegions(args.zone_id, args.zone_name, self._biases(), list(aliases))
        former_names(regions, self)
        hostname = routed_hostname(args.zone_name, args.routing)
        aliases = [*routed_records(args.routing, regions, self)]
        network = any_of("edge-own", pops_hostname(args.zone_name), list(checks.values()), self._child)
        if args.accelerator is not None:
            check = self._accelerator_check(args.accelerator)
            alarms.append(accelerator_alarm(check.id))
            hostname, aliases = self._accelerator_records(args.accelerator, check, hostname, aliases)
        if args.balancer is not None:
            check = https_check("balancer", args.hostname, HEALTH_PATH, self._child, args.balancer.address)
            alarms.append(balancer_alarm(check.id))
            hostname, aliases = self._balancer_records(args.balancer, check, hostname, aliases)
        self._network_record(hostname, network, aliases)
        self.alarms = [*alarms, network_alarm("own", network.id)]
        self.accelerator, self.balancer = args.accelerator, args.balancer
        self.register_outputs({"hostname": hostname})

    def _biases(self) -> dict[str, int]:
        return {node.region: self._args.biases.get(node.region, 0) for node in self._args.nodes}

    def _machine_record(self, name: str, node: PopNode, check: aws.route53.HealthCheck) -> aws.route53.Record:
        record = WeightedRecord(name, "A", node.address, node.name, _MACHINE_WEIGHT, check)
        return weighted_record(node.name, self._args.zone_id, record, self._child)

    def _accelerator_check(self, entry: AcceleratorEntry) -> aws.route53.HealthCheck:
        """Creates a health check that passes while at least one of the accelerator's addresses answers. When one of
        the two addresses does not answer, clients connect to the other address, because DNS answers contain both.
        """
        checks = [
            https_check(f"accelerator-{number}", self._args.hostname, HEALTH_PATH, self._child, address)
            for number, address in enumerate(entry.addresses)
        ]
        return any_of("accelerator", anycast_hostname(self._args.zone_name), checks, self._child)

    def _accelerator_records(
        self,
        entry: AcceleratorEntry,
        check: aws.route53.HealthCheck,
        fallback: str,
        fallback_records: Sequence[pulumi.Resource],
    ) -> tuple[str, list[pulumi.Resource]]:
        """Creates a DNS name that resolves to the accelerator's addresses. While the accelerator does not answer, the
        name resolves to the addresses of the name `fallback`. Returns the name and its records.

        The health check `check` decides between the alias of the accelerator and the alias of `fallback`. Route 53
        could also decide by the setting `evaluate_target_health`. However, its documentation does not say what this
        setting means for accelerators.
        """
        name = anycast_hostname(self._args.zone_name)
        primary = FailoverAlias(name, entry.dns_name, entry.zone_id, "PRIMARY", check)
        return name, [
            failover_alias("anycast-primary", self._args.zone_id, primary, self._child),
            self._anycast_fallback(fallback, fallback_records),
        ]

    def _balancer_records(
        self,
        entry: BalancerEntry,
        check: aws.route53.HealthCheck,
        fallback: str,
        fallback_records: Sequence[pulumi.Resource],
    ) -> tuple[str, list[pulumi.Resource]]:
        """Creates a DNS name that resolves to the address of Google's load balancer. While the health check `check`
        fails, the name resolves to the addresses of the name `fallback`. Returns the name and its records.
        """
        name, zone_id = anycast_hostname(self._args.zone_name), self._args.zone_id
        primary = failover_record("anycast-primary", zone_id, name, entry.address, check, self._child)
        return name, [primary, self._anycast_fallback(fallback, fallback_records)]

    def _anycast_fallback(self, fallback: str, fallback_records: Sequence[pulumi.Resource]) -> aws.route53.Record:
        """Creates the record that answers while the accelerator or the load balancer does not."""
        name = anycast_hostname(self._args.zone_name)
        secondary = FailoverAlias(name, fallback, self._args.zone_id, "SECONDARY")
        after = pulumi.ResourceOptions(parent=self, depends_on=fallback_records)
        return failover_alias("anycast-secondary", self._args.zone_id, secondary, after)

    def _network_record(
        self, target: str, check: aws.route53.HealthCheck, aliases: Sequence[pulumi.Resource]
    ) -> aws.route53.Record:
        """Creates a weighted CNAME record that points from the stack's hostname to the DNS name of the PoPs.

        The hostname also has a CNAME record that points to Cloudflare. An alias record would be an A record, and Route
        53 allows no A record beside a CNAME record. The new record is therefore also a CNAME record.
        """
        args = self._args
        record = WeightedRecord(args.hostname, "CNAME", target, "own", args.weight, check)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*aliases, *args.after])
        return weighted_record("edge-own", args.zone_id, record, opts)
