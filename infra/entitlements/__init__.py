"""The token sync, which copies tokens to Workers KV, and the metadata API, which the edge worker queries for tokens
that Workers KV lacks.

Both programs run where the metadata store is: on Lambda beside DynamoDB, or on Cloud Run beside Spanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.metadata import ChangeSource, SpannerChanges
from infra.serverless.package import Code


@dataclass(frozen=True)
class LambdaTokenSyncArgs:
    """Arguments of the token sync on Lambda, which writes tokens to Workers KV.

    `secret_id`, in `secret_region`, holds a Cloudflare API token that may edit the key-value store `namespace_id` of
    `account_id`.
    """

    prefix: str
    source: ChangeSource
    account_id: str
    namespace_id: pulumi.Input[str]
    secret_id: str
    secret_region: str
    code: Code


@dataclass(frozen=True)
class CloudRunTokenSyncArgs:
    """Arguments of the token sync on Cloud Run, which writes tokens to Workers KV.

    `secret_id` identifies a secret in `secret_region`. The secret holds a Cloudflare API token that may edit the
    key-value store `namespace_id` of `account_id`. `sources` is the bucket that stores the code.
    """

    prefix: str
    source: SpannerChanges
    account_id: str
    namespace_id: pulumi.Input[str]
    secret_id: str
    secret_region: str
    code: Code
    sources: pulumi.Input[str]


@dataclass(frozen=True)
class LambdaMetadataApiArgs:
    """Arguments of the metadata API on Lambda. `secret_id` is the ID of a secret in the region `secret_region`. The
    secret holds the key with which the edge worker signs its queries.
    """

    prefix: str
    source: ChangeSource
    secret_id: str
    secret_region: str
    code: Code


@dataclass(frozen=True)
class CloudRunMetadataApiArgs:
    """Arguments of the metadata API on Cloud Run. `secret_id`, in `secret_region`, holds the key with which the edge
    worker signs its queries. `sources` is the bucket that stores the code.
    """

    prefix: str
    source: SpannerChanges
    secret_id: str
    secret_region: str
    code: Code
    sources: pulumi.Input[str]
