"""The second edge network, where a stack has one: PoPs of our own, behind an anycast address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_cloudflare as cloudflare

from infra.blobs import Bucket
from infra.dns import EdgeNetwork
from infra.edge import Edge, ShieldNode, shields_binding
from infra.identity.pop import PopIdentity, PopIdentityArgs
from infra.network import Network
from infra.pop import Machine, PopArgs
from infra.pop.anycast import Anycast, AnycastArgs
from infra.pop.ec2 import Pop
from infra.pop.release import Release, ReleaseArgs
from infra.pop.user_data import PopSettings, Table, Worker, user_data
from infra.regions import nearest_first
from infra.shield.ec2 import architecture
from stacks.config import Stack

CLOUDFLARE, POPS = "cloudflare", "pops"
"""The edge networks, first labels of the names by which health checkers ask them."""


@dataclass(frozen=True)
class ReadByPops:
    """What PoPs read from: the buckets of `blobs`, the primary first, into which the worker is put for them, and the
    metadata, whose home region is named."""

    blobs: pulumi.Resource
    buckets: Sequence[Bucket]
    metadata_home: str
    bundle: str


@dataclass(frozen=True)
class OwnPops:
    """The machines of every PoP, and the name of the address before them."""

    machines: Sequence[Machine]
    target: pulumi.Output[str]


def identity_of_pops(stack: Stack) -> PopIdentity:
    """What machines may read besides buckets."""
    secrets = [f"{_secret(stack)}/{name}" for name in ("edge", "pops")]
    regions = stack.config.metadata.regions
    args = PopIdentityArgs(_prefix(stack), secrets, stack.home_region, f"{_prefix(stack)}-metadata", regions)
    return PopIdentity("identity-pops", args)


def own_pops(
    stack: Stack,
    hostname: str,
    identity: PopIdentity,
    networks: Mapping[str, Network],
    read: ReadByPops,
    shields: Sequence[ShieldNode],
) -> OwnPops:
    """The whole network."""
    prefix = _prefix(stack)
    release = Release(
        "release", ReleaseArgs(read.bundle, read.buckets[0]), pulumi.ResourceOptions(depends_on=[read.blobs])
    )
    machines: list[Machine] = []
    for pop in stack.config.pops:
        buckets = {bucket.region: bucket.name for bucket in read.buckets}
        replicas = stack.config.metadata.regions
        settings = PopSettings(
            region=pop.region,
            architecture=architecture(pop.machine_type),
            hostname=hostname,
            shields=shields_binding(shields),
            worker=Worker(
                [(buckets[region], region) for region in nearest_first(pop.region, buckets)],
                release.key,
                release.sha256,
            ),
            table=Table(f"{prefix}-metadata", nearest_first(pop.region, replicas)[0], read.metadata_home),
            edge_secret_id=f"{_secret(stack)}/edge",
            certificate_secret_id=f"{_secret(stack)}/pops",
            secret_region=stack.home_region,
        )
        args = PopArgs(
            prefix=prefix,
            region=pop.region,
            machine_type=pop.machine_type,
            nodes=pop.nodes,
            network=networks[pop.region],
            identity=identity.instance_profile,
            user_data=user_data(settings),
            boots_after=[identity, release],
        )
        machines += Pop(f"pop-{pop.region}", args).machines
    anycast = Anycast(POPS, AnycastArgs(prefix, machines))
    return OwnPops(machines, anycast.target)


def addresses_of_edge(pops: OwnPops | None) -> pulumi.Output[Sequence[str]]:
    """The networks that the shields are asked from."""
    own = [machine.address for machine in pops.machines] if pops else []
    return pulumi.Output.all(cloudflare.get_ip_ranges_output().ipv4_cidrs, *own).apply(
        lambda known: [*known[0], *(f"{address}/32" for address in known[1:])]
    )


def edge_networks(stack: Stack, edge: Edge, pops: OwnPops | None) -> Sequence[EdgeNetwork]:
    """Where clients may be led to."""
    weights = stack.config.edge.weights
    networks = [EdgeNetwork(CLOUDFLARE, edge.target, edge.probe_target, weights.cloudflare)]
    if pops:
        networks.append(EdgeNetwork(POPS, pops.target, pops.target, weights.pops))
    return networks


def described(machines: Sequence[Machine]) -> list[Mapping[str, pulumi.Input[str]]]:
    """The machines, as the stack's outputs name them."""
    return [{"name": machine.name, "region": machine.region, "address": machine.address} for machine in machines]


def _prefix(stack: Stack) -> str:
    return f"artifact-edge-{stack.environment}"


def _secret(stack: Stack) -> str:
    return f"artifact-edge/{stack.environment}"
