"""Creates the Lambda functions or Cloud Run services of a stack, on the cloud of its metadata database. The code of
these functions and services is in workers/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi

from infra.edge import MetadataApiBinding
from infra.edge.cloudflare import Edge
from infra.edge.secrets import read_certificate_expiry, read_signing_key
from infra.entitlements import (
    CloudRunMetadataApiArgs,
    CloudRunTokenSyncArgs,
    LambdaMetadataApiArgs,
    LambdaTokenSyncArgs,
)
from infra.entitlements.cloud_run import CloudRunMetadataApi, CloudRunTokenSync
from infra.entitlements.lambda_function import LambdaMetadataApi, LambdaTokenSync
from infra.metadata import ChangeSource, SpannerChanges
from infra.observability import CloudMonitoringAlarm, CloudWatchAlarm
from infra.publishing import DrainArgs
from infra.publishing.drain import Drain, pack_drain
from infra.serverless import SourcesArgs
from infra.serverless.package import pack
from infra.serverless.source_bucket import Sources
from stacks.config import Stack
from stacks.storage import Objects

_ROOT = Path(__file__).resolve().parents[1]

# Python distributions that Cloud Run services include in their code. Lambda's Python runtime already has all that
# functions need.
_CLOUD_RUN_DISTRIBUTIONS = ("urllib3", "waitress")


@dataclass(frozen=True)
class MetadataApi:
    """The metadata API, which the edge worker queries for tokens that its key-value store lacks.

    `code_bucket` is the name of the bucket that holds the code of Cloud Run services. The name is empty if the metadata
    API is a Lambda function.
    """

    binding: MetadataApiBinding
    code_bucket: pulumi.Input[str]
    alarms: Sequence[CloudWatchAlarm | CloudMonitoringAlarm]


def create_metadata_api(stack: Stack, changes: ChangeSource | SpannerChanges) -> MetadataApi:
    """Creates the metadata API on Lambda, or on Cloud Run with a bucket for its code."""
    secret_id, region = stack.secret("metadata-api"), stack.home_region
    key = read_signing_key(secret_id, region)
    if isinstance(changes, ChangeSource):
        code = pack(_ROOT, "workers.entitlements.api")
        function = LambdaMetadataApi(
            "metadata-api", LambdaMetadataApiArgs(stack.prefix, changes, secret_id, region, code)
        )
        return MetadataApi(MetadataApiBinding(function.url, key), "", function.alarms)
    sources = _create_sources(stack)
    code = pack(_ROOT, "workers.entitlements.answer", _CLOUD_RUN_DISTRIBUTIONS)
    args = CloudRunMetadataApiArgs(stack.prefix, changes, secret_id, region, code, sources.bucket)
    service = CloudRunMetadataApi("metadata-api", args)
    alarms = [*sources.alarms, *service.alarms]
    return MetadataApi(MetadataApiBinding(service.url, key), sources.bucket, alarms)


def create_token_sync(
    stack: Stack, changes: ChangeSource | SpannerChanges, edge: Edge, metadata_api: MetadataApi
) -> LambdaTokenSync | CloudRunTokenSync:
    """Creates the token sync, which writes each change of a token to the edge worker's key-value store."""
    account_id, secret_id, region = stack.config.edge.account_id, stack.secret("edge-kv"), stack.home_region
    if isinstance(changes, ChangeSource):
        code = pack(_ROOT, "workers.entitlements.consumer")
        function = LambdaTokenSyncArgs(stack.prefix, changes, account_id, edge.namespace_id, secret_id, region, code)
        return LambdaTokenSync("entitlements", function)
    code = pack(_ROOT, "workers.entitlements.follow", _CLOUD_RUN_DISTRIBUTIONS)
    service = CloudRunTokenSyncArgs(
        stack.prefix, changes, account_id, edge.namespace_id, secret_id, region, code, metadata_api.code_bucket
    )
    return CloudRunTokenSync("entitlements", service)


def create_drain(stack: Stack, changes: ChangeSource | SpannerChanges, objects: Objects, edge: Edge) -> Drain | None:
    """Creates the outbox relay, which delivers published changes, as a Lambda function if metadata and objects are on
    AWS.

    Other stacks have no outbox relay. The operators of these stacks run `registry purges drain`.
    """
    key = objects.keys.get(objects.primary.region)
    if isinstance(changes, SpannerChanges) or key is None or objects.primary.store != "s3":
        return None
    args = DrainArgs(
        prefix=stack.prefix,
        environment=stack.environment,
        url=stack.url,
        source=changes,
        bucket=objects.primary,
        key_arn=key,
        account_id=stack.config.edge.account_id,
        namespace_id=edge.namespace_id,
        certificate_expires=read_certificate_expiry(stack.secret("edge"), stack.home_region),
        purge_secret_id=stack.secret("purge-signing"),
        kv_secret_id=stack.secret("edge-kv"),
        secret_region=stack.home_region,
        code=pack_drain(_ROOT),
    )
    return Drain("drain", args)


def _create_sources(stack: Stack) -> Sources:
    """Creates the bucket for the code of Cloud Run services, in the regions of the metadata database."""
    config = stack.config
    args = SourcesArgs(
        prefix=stack.bucket_prefix,
        regions=config.metadata.regions,
        noncurrent_days=config.blobs.noncurrent_days,
        log_days=config.blobs.access_log_days,
        removable=not config.protect,
    )
    return Sources("code", args)
