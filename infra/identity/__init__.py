"""The identities of shield machines on each cloud, and the few permissions that they have.

Machines read objects and one secret. aws.py makes an IAM role, gcp.py a service account; origin_access.py
limits where the role reads objects from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.blobs import Bucket
from infra.shield import Node


@dataclass(frozen=True)
class AwsIdentityArgs:
    """`secret_id` is the one secret that machines read, kept in `secret_region`.

    `gcp_service_accounts` are unique ids of Google service accounts that may take on the role, too: the shields on
    Google Cloud read the same secret, and have no keys of AWS. Their tokens name the role's ARN as the audience.
    """

    prefix: str
    secret_id: str
    secret_region: str
    gcp_service_accounts: Sequence[pulumi.Input[str]] = ()


@dataclass(frozen=True)
class GcpIdentityArgs:
    """`prefix` begins the account's name."""

    prefix: str


@dataclass(frozen=True)
class OriginAccessArgs:
    """`role` is the name of the shields' role, `endpoints` the ids of their networks' S3 endpoints by region."""

    role: pulumi.Input[str]
    buckets: Sequence[Bucket]
    endpoints: Mapping[str, pulumi.Input[str]]
    nodes: Sequence[Node]
