"""What carries tokens to the edge, and answers it about those that it lacks: as the metadata's cloud has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.edge import MetadataApiBinding
from infra.edge.cloudflare import Edge
from infra.edge.secrets import read_metadata_api_key
from infra.entitlements.api import LambdaMetadataApi, LambdaMetadataApiArgs
from infra.entitlements.spanner import (
    CloudRunMetadataApi,
    CloudRunMetadataApiArgs,
    CloudRunTokenSync,
    CloudRunTokenSyncArgs,
)
from infra.entitlements.stream import LambdaTokenSync, LambdaTokenSyncArgs
from infra.metadata import ChangeSource, SpannerChanges
from infra.observability import HasAlarms
from infra.serverless.package import pack
from infra.serverless.source_bucket import Sources, SourcesArgs
from stacks.config import Stack

_ROOT = Path(__file__).resolve().parents[1]
_BROUGHT = ("urllib3", "waitress")
"""What services on Cloud Run bring along; Lambda's runtime has what functions need."""


@dataclass(frozen=True)
class Asked:
    """What the edge asks, and how; `sources` is the bucket of services' code, where there are any."""

    binding: MetadataApiBinding
    sources: pulumi.Input[str]
    watched: list[HasAlarms]


def metadata_api(stack: Stack, prefix: str, secrets: str, source: ChangeSource | SpannerChanges) -> Asked:
    """`secrets` begins the names of the stack's secrets."""
    secret, home = f"{secrets}/metadata-api", stack.home_region
    key = read_metadata_api_key(secret, home)
    if isinstance(source, ChangeSource):
        code = pack(_ROOT, "workers.entitlements.api")
        api = LambdaMetadataApi("metadata-api", LambdaMetadataApiArgs(prefix, source, secret, home, code))
        return Asked(MetadataApiBinding(api.url, key), "", [api])
    sources = _sources(stack, prefix)
    code = pack(_ROOT, "workers.entitlements.answer", _BROUGHT)
    args = CloudRunMetadataApiArgs(prefix, source, secret, home, code, sources.bucket)
    answering = CloudRunMetadataApi("metadata-api", args)
    return Asked(MetadataApiBinding(answering.url, key), sources.bucket, [sources, answering])


def entitlement_stream(
    stack: Stack, prefix: str, secrets: str, source: ChangeSource | SpannerChanges, edge: Edge, asked: Asked
) -> HasAlarms:
    """What tells the edge of each change of a token."""
    account, secret, home = stack.config.edge.account_id, f"{secrets}/edge-kv", stack.home_region
    if isinstance(source, ChangeSource):
        code = pack(_ROOT, "workers.entitlements.consumer")
        args = LambdaTokenSyncArgs(prefix, source, account, edge.namespace_id, secret, home, code)
        return LambdaTokenSync("entitlements", args)
    code = pack(_ROOT, "workers.entitlements.follow", _BROUGHT)
    follower = CloudRunTokenSyncArgs(prefix, source, account, edge.namespace_id, secret, home, code, asked.sources)
    return CloudRunTokenSync("entitlements", follower)


def _sources(stack: Stack, prefix: str) -> Sources:
    """A bucket for the services' code, where the database is."""
    config = stack.config
    kept = config.blobs.noncurrent_days, config.blobs.access_log_days
    return Sources("code", SourcesArgs(prefix, config.metadata.regions, *kept, removable=not config.protect))
