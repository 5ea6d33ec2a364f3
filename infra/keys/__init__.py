"""The encryption keys of objects and metadata. Each stack has one key on each cloud.

Readers need permission on both the bucket and the key. aws.py creates a key in AWS KMS. gcp.py creates a key in Cloud
KMS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class AwsKeysArgs:
    """Arguments of the component that creates the encryption key on AWS.

    `regions` lists the regions that need the key. The first of them is the primary region. A change of the primary
    region replaces the key. `readers` are ARNs of roles that may use the key only to decrypt objects that they read
    from S3. `deletion_days` (7 to 30) is the deletion window, in which operators can restore a deleted key.
    """

    prefix: str
    regions: Sequence[str]
    readers: Sequence[pulumi.Input[str]]
    deletion_days: int


@dataclass(frozen=True)
class GcpKeysArgs:
    """Arguments of the component that creates the encryption key of the origin's bucket on Google Cloud.

    `location` is the location of this bucket: a region, or the multi-region of Cloud Storage that contains the bucket's
    two regions, such as `EU`.
    """

    prefix: str
    location: str
