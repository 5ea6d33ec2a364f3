"""The outbox relay, which delivers published changes to readers: its Lambda function, permissions and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.blobs import Bucket
from infra.metadata import ChangeSource
from infra.serverless.package import Code


@dataclass(frozen=True)
class DrainArgs:
    """Arguments of the outbox relay, a Lambda function that delivers published changes to readers.

    `bucket` is the primary bucket of the origin, encrypted with `key_arn`. `shields` are the names of the shield
    machines. The function appends `shield_suffix` to each name to get a host name with a port; the full names together
    would exceed the 4 KB of environment variables that a function may have.

    `purge_secret_id` holds a Cloudflare API token that may purge the cache of `zone_id`. `kv_secret_id` holds one that
    may edit the key-value store `namespace_id` of `account_id`. Both secrets are in `secret_region`.
    """

    prefix: str
    environment: str
    url: str
    source: ChangeSource
    bucket: Bucket
    key_arn: pulumi.Input[str]
    shields: Sequence[str]
    shield_suffix: str
    zone_id: pulumi.Input[str]
    account_id: str
    namespace_id: pulumi.Input[str]
    purge_secret_id: str
    kv_secret_id: str
    secret_region: str
    code: Code
