"""The stack's outputs, which the registry's command line reads (registry/target.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi

from contract.pops import anycast_hostname, routed_hostname
from infra.blobs import Bucket
from infra.dns.route53 import Dns
from infra.edge.cloudflare import Edge
from infra.metadata import Metadata
from infra.pop import AcceleratorEntry, BalancerEntry, PopNode
from infra.shield import Node, host
from stacks.config import Blobs, Stack


def export_outputs(
    stack: Stack,
    buckets: Sequence[Bucket],
    metadata: Metadata,
    edge: Edge,
    dns: Dns,
    nodes: Sequence[Node],
    pops: Sequence[PopNode],
    accelerator: AcceleratorEntry | None,
    balancer: BalancerEntry | None,
) -> None:
    """Exports every output of the Pulumi stack. docs/contracts.md, "Stack outputs", describes each output. The output
    `pops` is missing if the stack has no PoPs on machines of our own. The output `accelerator` is missing if the stack
    has no accelerator, and `balancer` if it has no load balancer of Google Cloud.
    """
    domain, account_id = stack.config.domain, stack.config.edge.account_id
    pulumi.export("environment", stack.environment)
    pulumi.export("home_region", stack.home_region)
    pulumi.export("url", stack.url)
    pulumi.export("zone", {"name": domain, "id": dns.zone_id, "name_servers": dns.name_servers})
    pulumi.export("buckets", [_bucket(bucket, stack.config.blobs) for bucket in buckets])
    pulumi.export("metadata", _metadata(metadata))
    pulumi.export("entitlements", {"account_id": account_id, "namespace_id": edge.namespace_id})
    pulumi.export("worker_version", edge.version)
    pulumi.export("networks", _networks(stack, edge))
    pulumi.export("shields", [_shield(node, domain) for node in nodes])
    if accelerator is not None:
        pulumi.export("accelerator", {"addresses": accelerator.addresses, "dns_name": accelerator.dns_name})
    if balancer is not None:
        pulumi.export("balancer", {"address": balancer.address})
    if pops:
        pulumi.export("pops", [_pop(node) for node in pops])


def _bucket(bucket: Bucket, config: Blobs) -> Mapping[str, object]:
    """Returns the stack output for one bucket. The output contains the object lock only if the bucket is on Cloud
    Storage.

    On Cloud Storage, the registry sets the lock on each object. On S3, the bucket's default lock applies.
    """
    described = {"region": bucket.region, "name": bucket.name, "store": bucket.store}
    if bucket.store == "gcs" and config.lock != "none":
        return {**described, "lock": {"mode": config.lock, "days": config.lock_days}}
    return described


def _metadata(metadata: Metadata) -> Mapping[str, object]:
    described = {"backend": metadata.backend, "region": metadata.region, "table": metadata.table}
    return {**described, "project": metadata.project} if metadata.project else described


def _networks(stack: Stack, edge: Edge) -> Sequence[Mapping[str, object]]:
    """Returns the stack output that lists the edge networks to which DNS directs clients. The output states the name of
    each network, its weight in DNS, and its DNS target.
    """
    config = stack.config
    found: list[Mapping[str, object]] = [
        {"name": "cloudflare", "weight": 100 - config.pops_percent, "target": edge.target}
    ]
    if config.pops:
        direct = config.pops_reached_by == "addresses"
        target = routed_hostname(config.domain, config.pops_routing) if direct else anycast_hostname(config.domain)
        found.append({"name": "own", "weight": config.pops_percent, "target": target})
    return found


def _pop(node: PopNode) -> Mapping[str, object]:
    return {"name": node.name, "region": node.region, "cloud": node.cloud, "address": node.address}


def _shield(node: Node, domain: str) -> Mapping[str, object]:
    return {
        "name": node.name,
        "region": node.region,
        "cloud": node.cloud,
        "host": host(node, domain),
        "address": node.address,
    }
