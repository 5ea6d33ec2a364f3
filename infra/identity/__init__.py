"""The identities of shield machines (regional caches) on each cloud, and the few permissions that these identities
have.

Machines read objects and one secret, and report that they serve requests. aws.py creates an IAM role, and gcp.py
creates a service account. origin_access.py limits the networks from which the role reads objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi

from infra.blobs import Bucket
from infra.machines.serving import ServingReports
from infra.shield import Node


@dataclass(frozen=True)
class AwsIdentityArgs:
    """Arguments of the AWS role of the shield machines (regional caches).

    `secret_id` is the only secret that machines read. Each of `secret_regions` has this secret. `serving` contains the
    names of the parameters in Parameter Store in which machines report that they serve requests. `gcp_service_accounts`
    are unique ids of Google service accounts that may also assume the role. Shields on Google Cloud assume the role to
    read the same secret without AWS keys. The audience of the shields' identity tokens is the role's ARN.
    """

    prefix: str
    secret_id: str
    secret_regions: Sequence[str]
    serving: ServingReports
    gcp_service_accounts: Sequence[pulumi.Input[str]] = ()


@dataclass(frozen=True)
class GcpIdentityArgs:
    """Arguments of the component that creates the service account of machines on Google Cloud. `machines` says which
    machines these are: `shield` (a regional cache) or `pop`. The account's name is `<prefix>-<machines>`. `purpose`
    says what the machines read, for people who see the account in the console.
    """

    prefix: str
    machines: Literal["shield", "pop"]
    purpose: str


@dataclass(frozen=True)
class OriginAccessArgs:
    """Arguments of the policy that limits the networks from which the role of the shields (regional caches) reads
    objects.

    `role` is the name of the role. `endpoints` maps regions to the ids of their networks' S3 endpoints.
    """

    role: pulumi.Input[str]
    buckets: Sequence[Bucket]
    endpoints: Mapping[str, pulumi.Input[str]]
    nodes: Sequence[Node]
