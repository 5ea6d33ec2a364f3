"""The publisher's side in the cloud: the outbox drain, its permissions and its alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

from infra.blobs import Bucket
from infra.metadata import ChangeSource
from infra.serverless.package import Code


@dataclass(frozen=True)
class DrainArgs:
    """`bucket` is the primary, encrypted with `key_arn`. `shields` are the machines' names, to which `shield_suffix` is
    added for name and port: together they would be more than the 4 KB of variables that a function may have.

    `purge_secret_id` holds a Cloudflare API token that may purge the cache of `zone_id`, `kv_secret_id` one that may
    edit the key-value store `namespace_id` of `account_id`; both are in `secret_region`.
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
