"""The outbox relay, which delivers published changes to readers: its Lambda function, permissions and alarms."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from infra.blobs import Bucket
from infra.metadata import ChangeSource
from infra.serverless.package import Code


@dataclass(frozen=True)
class DrainArgs:
    """Arguments of the outbox relay, a Lambda function that delivers published changes to readers.

    `url` is the address at which clients reach the edge. `bucket` is the primary bucket of the origin, encrypted with
    `key_arn`.

    `purge_secret_id` identifies the secret with the key that signs purges of the edge's cache. `kv_secret_id`
    identifies the secret with a Cloudflare API token that may edit the key-value store `namespace_id` of `account_id`.
    Both secrets are in `secret_region`.

    `certificate_expires` is the time in ISO 8601 at which the edge's client certificate expires. The relay reports the
    number of days until this time as a metric.
    """

    prefix: str
    environment: str
    url: str
    source: ChangeSource
    bucket: Bucket
    key_arn: pulumi.Input[str]
    account_id: str
    namespace_id: pulumi.Input[str]
    certificate_expires: pulumi.Input[str]
    purge_secret_id: str
    kv_secret_id: str
    secret_region: str
    code: Code
