"""Composes a package-distribution network from a stack's config. This module is the place to start reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pulumi

from contract.secrets import PROJECT
from contract.shields import EDGE_PORT
from infra import transforms
from infra.dns import DnsArgs
from infra.dns.route53 import Dns
from infra.edge import EdgeArgs, MemoryArgs, MetadataApiBinding, PredictionArgs, ShieldNode
from infra.edge.bundle import compile_worker
from infra.edge.cloudflare import Edge
from infra.edge.secrets import read_edge_secrets, read_signing_key
from infra.observability import (
    CloudMonitoringAlarm,
    CloudMonitoringObservabilityArgs,
    CloudWatchAlarm,
    CloudWatchObservabilityArgs,
    HasAlarms,
)
from infra.observability.cloud_monitoring import CloudMonitoringObservability
from infra.observability.cloudwatch import CloudWatchObservability
from infra.pop.alarms import refusals_alarm
from infra.publishing.alarms import alarms as publishing_alarms
from infra.shield import Node, host
from infra.waf.cloudflare import Waf
from stacks.config import Stack
from stacks.config.sections import Memory, Prediction
from stacks.config.waf import waf_args
from stacks.identities import create_identities
from stacks.outputs import export_outputs
from stacks.pops import create_pop_addresses, create_pops
from stacks.serverless import create_drain, create_metadata_api, create_token_sync
from stacks.shields import create_shield_certificate, create_shields
from stacks.storage import create_aws_keys, create_metadata, create_objects

ROOT = Path(__file__).resolve().parents[1]


def compose(stack: Stack) -> None:
    """Creates every tier of the stack, from the origin to the names that clients use, and exports the
    stack's outputs.
    """
    # The program compiles the edge worker first, so that a compile error stops the program before it registers a
    # resource.
    bundle = compile_worker(ROOT / "workers" / "edge")
    tag_and_protect(stack)

    # The origin: objects and metadata. Only the machines of the shields (regional caches) may read the objects.
    identities = create_identities(stack)
    aws_keys = create_aws_keys(stack, readers=[identities.aws.role_arn])
    objects = create_objects(stack, identities, aws_keys)
    metadata = create_metadata(stack, aws_keys)

    # The shields: caches between the edge and the origin, in many regions.
    pop_nodes = create_pop_addresses(stack)
    nodes = create_shields(stack, identities, objects, pop_nodes)

    # The edge: the worker that answers clients, and the DNS names that resolve to it.
    metadata_api = create_metadata_api(stack, metadata.changes)
    edge = create_edge(stack, bundle, nodes, metadata_api.binding)
    Waf("waf", stack.prefix, edge.zone_id, waf_args(stack.config.waf))
    dns = create_dns(stack, edge, nodes)
    create_shield_certificate(stack, identities, dns)

    # Creates PoPs on machines of our own, which run the same edge worker as Cloudflare's PoPs.
    pops = create_pops(stack, bundle, pop_nodes, nodes, objects, metadata, metadata_api, dns) if pop_nodes else None

    # The token sync copies tokens to Workers KV. When packages change, the outbox relay updates documents and purges
    # caches.
    token_sync = create_token_sync(stack, metadata.changes, edge, metadata_api)
    drain = create_drain(stack, metadata.changes, objects, edge)

    tiers: list[HasAlarms | None] = [objects, metadata, metadata_api, token_sync, drain, dns, pops]
    alarms = [alarm for tier in tiers if tier for alarm in tier.alarms]
    refusals = [refusals_alarm(stack.environment, stack.home_region)] if pops else []
    publishing = publishing_alarms(stack.environment, metadata.backend, metadata.region)
    create_alarms(stack, [*alarms, *refusals, *publishing])
    accelerator, balancer = (pops.accelerator, pops.balancer) if pops else (None, None)
    export_outputs(stack, objects.blobs.buckets, metadata, edge, dns, nodes, pop_nodes, accelerator, balancer)


def tag_and_protect(stack: Stack) -> None:
    """Registers transforms that add tags to every resource of the stack.

    The stack's config can turn on two further transforms: one sets the permissions boundary of IAM roles, and one
    protects irreplaceable resources from deletion.
    """
    tags = {
        "project": PROJECT,
        "environment": stack.environment,
        "owner": stack.config.tags.owner,
        "cost-center": stack.config.tags.cost_center,
    }
    pulumi.runtime.register_resource_transform(transforms.tag(tags))
    if stack.config.permissions_boundary:
        pulumi.runtime.register_resource_transform(transforms.bound(stack.config.permissions_boundary))
    if stack.config.protect:
        pulumi.runtime.register_resource_transform(transforms.protect)


def create_edge(stack: Stack, bundle: str, nodes: Sequence[Node], metadata_api: MetadataApiBinding) -> Edge:
    """Creates the edge worker, its route and its key-value store of tokens."""
    domain, limits = stack.config.domain, waf_args(stack.config.waf)
    args = EdgeArgs(
        prefix=stack.prefix,
        account_id=stack.config.edge.account_id,
        zone_name=stack.config.edge.zone,
        hostname=stack.hostname,
        bundle=bundle,
        shields=[ShieldNode(f"{host(node, domain)}:{EDGE_PORT}", node.region) for node in nodes],
        secrets=read_edge_secrets(stack.secret("edge"), stack.home_region),
        purge_key=read_signing_key(stack.secret("purge-signing"), stack.home_region),
        metadata_api=metadata_api,
        reserved_python_names=stack.config.edge.reserved_python_names,
        log_sampling=stack.config.edge.log_sampling,
        prediction=prediction_limits(stack.config.edge.prediction),
        memory=memory_limits(stack.config.edge.memory),
        log_installs="install" in stack.config.shield_log_fields,
        by_token=limits.by_token,
        failed_tokens=limits.failed_tokens,
    )
    return Edge("edge", args)


def prediction_limits(setting: Prediction | None) -> PredictionArgs | None:
    """Returns the limits of prefetches for the edge worker, with sizes in bytes instead of megabytes. Returns None if
    prediction is off.
    """
    if setting is None:
        return None
    return PredictionArgs(
        requests=setting.requests,
        in_flight=setting.in_flight,
        bytes=setting.megabytes << 20,
        object_bytes=setting.object_megabytes << 20,
        share=setting.share,
    )


def memory_limits(setting: Memory | None) -> MemoryArgs | None:
    """Converts the setting for the memory tier, the object cache in each isolate's memory, to size limits in bytes. One
    limit is for all objects together, and one for a single object. Returns None if the memory tier is off
    (workers/edge/src/memory.ts).
    """
    if setting is None:
        return None
    return MemoryArgs(bytes=setting.megabytes << 20, object_bytes=setting.object_kilobytes << 10)


def create_dns(stack: Stack, edge: Edge, nodes: Sequence[Node]) -> Dns:
    """Creates the stack's DNS zone, with the hostname that clients connect to, and with a name for each machine of a
    shield (a regional cache).
    """
    args = DnsArgs(
        zone_name=stack.config.domain,
        hostname=stack.hostname,
        edge=edge,
        nodes=nodes,
        removable=not stack.config.protect,
        weight=100 - stack.config.pops_percent,
        second_network=bool(stack.config.pops),
    )
    return Dns("dns", args)


def create_alarms(stack: Stack, alarms: Sequence[CloudWatchAlarm | CloudMonitoringAlarm]) -> None:
    """Creates all alarms of the stack. Each alarm is in the cloud that publishes its metric: in CloudWatch or in Cloud
    Monitoring.
    """
    emails = stack.config.alerts.email
    on_cloudwatch = [alarm for alarm in alarms if isinstance(alarm, CloudWatchAlarm)]
    on_cloud_monitoring = [alarm for alarm in alarms if isinstance(alarm, CloudMonitoringAlarm)]
    if on_cloudwatch:
        args = CloudWatchObservabilityArgs(stack.prefix, on_cloudwatch, emails, stack.kms_deletion_window_days)
        CloudWatchObservability("observability", args)
    if on_cloud_monitoring:
        google_args = CloudMonitoringObservabilityArgs(stack.prefix, on_cloud_monitoring, emails)
        CloudMonitoringObservability("observability-gcp", google_args)
