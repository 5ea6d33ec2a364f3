"""The whole story on one page: from a stack's config to a package-distribution network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # Pulumi starts this file in its own directory

import pulumi
import pulumi_cloudflare as cloudflare

from contract.shields import EDGE_PORT
from infra import transforms
from infra.blobs import BlobsArgs, Lock
from infra.blobs.gcs import GcsBlobs
from infra.blobs.s3 import S3Blobs
from infra.dns import DnsArgs
from infra.dns.route53 import Dns
from infra.edge import EdgeArgs, ShieldNode
from infra.edge.bundle import compile_worker
from infra.edge.cloudflare import Edge
from infra.edge.secrets import read_edge_secrets
from infra.identity.aws import AwsIdentity, AwsIdentityArgs
from infra.identity.gcp import GcpIdentity, GcpIdentityArgs
from infra.identity.origin_access import OriginWays, OriginWaysArgs
from infra.keys.aws import AwsKeys, AwsKeysArgs
from infra.metadata import Capacity, MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.metadata.spanner import SpannerMetadata
from infra.network import NetworkArgs
from infra.network.aws import AwsNetwork
from infra.network.gcp import GcpNetwork
from infra.observability import CloudMonitoringAlarm, CloudWatchAlarm, HasAlarms
from infra.observability.cloud_monitoring import CloudMonitoringObservability, CloudMonitoringObservabilityArgs
from infra.observability.cloudwatch import CloudWatchObservability, CloudWatchObservabilityArgs
from infra.publishing.alarms import alarms as registry_alarms
from infra.shield import BootSettings, Node, ShieldArgs, host
from infra.shield.ec2 import Ec2Shield
from infra.shield.gce import GceShield
from stacks.config import Stack, StackConfig, load_current
from stacks.entitlements import entitlement_stream, metadata_api
from stacks.objects import bucket_outputs, object_keys, stand_by, standby_bucket
from stacks.publishing import drain

ROOT = Path(__file__).resolve().parents[1]
PROJECT = "artifact-edge"

BLOBS = {"s3": S3Blobs, "gcs": GcsBlobs}
METADATA = {"dynamodb": DynamoDbMetadata, "spanner": SpannerMetadata}
NETWORK = {"aws": AwsNetwork, "gcp": GcpNetwork}
SHIELD = {"aws": Ec2Shield, "gcp": GceShield}


def compose(stack: Stack) -> None:
    """Registers every tier, from the origin out to the client, and exports what operators need."""
    settings = stack.config
    prefix = f"{PROJECT}-{stack.environment}"
    secret = f"{PROJECT}/{stack.environment}"
    hostname = f"packages.{settings.domain}"
    bundle = compile_worker(ROOT / "workers" / "edge")  # first of all: a worker that does not compile changes nothing
    tag_and_protect(stack)

    on_gcp = any(shield.cloud == "gcp" for shield in settings.shields)
    google = GcpIdentity("identity-gcp", GcpIdentityArgs(prefix)) if on_gcp else None
    amazon = AwsIdentity(
        "identity-aws",
        AwsIdentityArgs(prefix, f"{secret}/shield", stack.home_region, [google.unique_id] if google else []),
    )
    keys = aws_keys(stack, [amazon.role_arn])
    readers = {"s3": amazon.role_arn, "gcs": google.member if google else None}
    reader = readers[settings.blobs.store]

    encrypted_by = object_keys(stack, prefix, keys)
    blobs = BLOBS[settings.blobs.store](
        "blobs",
        BlobsArgs(
            prefix=prefix,
            regions=settings.blobs.regions,
            readers=[reader] if reader else [],
            keys=encrypted_by,
            noncurrent_days=settings.blobs.noncurrent_days,
            lock=None if settings.blobs.lock == "none" else Lock(settings.blobs.lock, settings.blobs.lock_days),
            log_days=settings.blobs.access_log_days,
            removable=not settings.protect,
        ),
    )
    standby = stand_by(stack, prefix, blobs.buckets[0], encrypted_by, [google.member] if google else [])
    metadata = METADATA[settings.metadata.store]("metadata", metadata_args(stack, prefix, keys))

    edge_addresses = cloudflare.get_ip_ranges_output().ipv4_cidrs
    boot = BootSettings(
        blobs.buckets, f"{secret}/shield", stack.home_region, standby_bucket(prefix, settings.blobs.standby)
    )
    nodes: list[Node] = []
    endpoints: dict[str, pulumi.Input[str]] = {}
    for shield in settings.shields:
        network = NETWORK[shield.cloud](f"network-{shield.region}", NetworkArgs(shield.region, prefix))
        machines = SHIELD[shield.cloud](
            f"shield-{shield.region}",
            ShieldArgs(
                prefix=prefix,
                region=shield.region,
                machine_type=shield.machine_type,
                nodes=shield.nodes,
                network=network,
                identity=google.email if google and shield.cloud == "gcp" else amazon.instance_profile,
                edge_addresses=edge_addresses,
                boot=boot,
                role_arn=amazon.role_arn,
                boots_after=[amazon, blobs],
            ),
        )
        nodes += machines.nodes
        if network.s3_endpoint is not None:
            endpoints[shield.region] = network.s3_endpoint
    if settings.blobs.store == "s3":
        OriginWays("origin-ways", OriginWaysArgs(amazon.role_name, blobs.buckets, endpoints, nodes))

    asked = metadata_api(stack, prefix, secret, metadata.changes)
    edge = Edge(
        "edge",
        EdgeArgs(
            prefix=prefix,
            account_id=settings.edge.account_id,
            zone_name=settings.domain,
            hostname=hostname,
            bundle=bundle,
            shields=[ShieldNode(f"{host(node, settings.domain)}:{EDGE_PORT}", node.region) for node in nodes],
            secrets=read_edge_secrets(f"{secret}/edge", stack.home_region),
            metadata_api=asked.binding,
        ),
    )
    dns = Dns("dns", DnsArgs(settings.domain, hostname, edge.target, nodes, removable=not settings.protect))
    stream = entitlement_stream(stack, prefix, secret, metadata.changes, edge, asked)
    key = encrypted_by.get(blobs.buckets[0].region)
    drained = drain(stack, prefix, secret, hostname, metadata.changes, blobs.buckets[0], key, edge, nodes)
    watched: list[HasAlarms | None] = [blobs, *standby, metadata, *asked.watched, stream, drained, dns]
    alarms = [alarm for tier in watched if tier for alarm in tier.alarms]
    alarms += registry_alarms(stack.environment, metadata.backend, metadata.region)
    watch(stack, prefix, alarms)

    pulumi.export("environment", stack.environment)
    pulumi.export("url", f"https://{hostname}")
    pulumi.export("zone", {"name": settings.domain, "id": dns.zone_id, "name_servers": dns.name_servers})
    pulumi.export("buckets", bucket_outputs(blobs.buckets, settings.blobs))
    database = {"backend": metadata.backend, "region": metadata.region, "table": metadata.table}
    pulumi.export("metadata", database | ({"project": metadata.project} if metadata.project else {}))
    pulumi.export("entitlements", {"account_id": settings.edge.account_id, "namespace_id": edge.namespace_id})
    pulumi.export(
        "shields",
        [
            {
                "name": node.name,
                "region": node.region,
                "cloud": node.cloud,
                "host": host(node, settings.domain),
                "address": node.address,
            }
            for node in nodes
        ],
    )


def tag_and_protect(stack: Stack) -> None:
    """What holds for every resource alike."""
    tags = {
        "project": PROJECT,
        "environment": stack.environment,
        "owner": stack.config.tags.owner,
        "cost-center": stack.config.tags.cost_center,
    }
    pulumi.runtime.register_resource_transform(transforms.tag(tags))
    if stack.config.protect:
        pulumi.runtime.register_resource_transform(transforms.protect)


def aws_keys(stack: Stack, readers: Sequence[pulumi.Input[str]]) -> AwsKeys | None:
    """The key of all that is kept on AWS, if anything is. Its primary is where the secrets are, which never moves."""
    kept = stack.config.regions_kept_by("aws")
    if not kept:
        return None
    regions = list(dict.fromkeys([stack.home_region, *kept]))
    prefix = f"{PROJECT}-{stack.environment}"
    return AwsKeys("keys", AwsKeysArgs(prefix, regions, readers, days_to_regret(stack.config)))


def metadata_args(stack: Stack, prefix: str, keys: AwsKeys | None) -> MetadataArgs:
    wanted = stack.config.metadata
    scaling = wanted.scaling
    bounds = (scaling.reads_from, scaling.reads_to), (scaling.writes_from, scaling.writes_to)
    return MetadataArgs(
        prefix=prefix,
        regions=wanted.regions,
        protect=stack.config.protect,
        keys=keys.arns if keys else {},
        capacity=Capacity(*bounds, scaling.target) if wanted.capacity == "provisioned" else None,
        processing_units=wanted.processing_units,
        operators=wanted.operators,
    )


def days_to_regret(config: StackConfig) -> int:
    """For how long a key that was given up can be brought back: the longest and the shortest that KMS takes."""
    return 30 if config.protect else 7


def watch(stack: Stack, prefix: str, alarms: Sequence[CloudWatchAlarm | CloudMonitoringAlarm]) -> None:
    """Somebody hears of what is wrong: by the cloud that measures it, where it has something to watch."""
    emails = stack.config.alerts.email
    amazon = [alarm for alarm in alarms if isinstance(alarm, CloudWatchAlarm)]
    google = [alarm for alarm in alarms if isinstance(alarm, CloudMonitoringAlarm)]
    if amazon:
        args = CloudWatchObservabilityArgs(prefix, amazon, emails, days_to_regret(stack.config))
        CloudWatchObservability("observability", args)
    if google:
        CloudMonitoringObservability("observability-gcp", CloudMonitoringObservabilityArgs(prefix, google, emails))


if __name__ == "__main__":
    compose(load_current())
