"""The keys that encrypt objects and metadata, one for each stack and cloud.

They make reading data need two grants: one of the bucket and one of the key.
aws.py makes a key of AWS KMS, gcp.py one of Cloud KMS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class AwsKeysArgs:
    """`regions` are where the key is needed, its primary first; the primary cannot move without a new key.

    `readers` are ARNs of roles that decrypt objects which they read from S3, and do nothing else with the key.
    `deletion_days` is for how long (7 to 30) a key that was given up can still be brought back.
    """

    prefix: str
    regions: Sequence[str]
    readers: Sequence[pulumi.Input[str]]
    deletion_days: int


@dataclass(frozen=True)
class GcpKeysArgs:
    """`location` is the bucket's: a region, or an area with two."""

    prefix: str
    location: str
