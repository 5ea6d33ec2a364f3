"""The token sync to Workers KV, and the metadata API that the edge asks about tokens that Workers KV lacks.

Both run where the metadata store is: on Lambda beside DynamoDB, on Cloud Run beside Spanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.metadata import ChangeSource, SpannerChanges
from infra.serverless.package import Code


@dataclass(frozen=True)
class LambdaTokenSyncArgs:
    """`secret_id`, in `secret_region`, holds an API token that may edit the key-value store of `account_id` and
    `namespace_id`."""

    prefix: str
    source: ChangeSource
    account_id: str
    namespace_id: pulumi.Input[str]
    secret_id: str
    secret_region: str
    code: Code


@dataclass(frozen=True)
class CloudRunTokenSyncArgs:
    """`secret_id`, in `secret_region`, holds an API token that may edit the key-value store of `account_id` and
    `namespace_id`. `sources` is the bucket that takes the code."""

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
    """`secret_id`, in `secret_region`, holds the key with which the edge signs its questions."""

    prefix: str
    source: ChangeSource
    secret_id: str
    secret_region: str
    code: Code


@dataclass(frozen=True)
class CloudRunMetadataApiArgs:
    """`secret_id`, in `secret_region`, holds the key with which the edge signs its questions. `sources` is the bucket
    that takes the code."""

    prefix: str
    source: SpannerChanges
    secret_id: str
    secret_region: str
    code: Code
    sources: pulumi.Input[str]
