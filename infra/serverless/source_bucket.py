"""The bucket from which Cloud Run takes the Python code of services."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from infra.blobs import BlobsArgs
from infra.blobs.gcs import GcsBlobs, gcs_location
from infra.keys import GcpKeysArgs
from infra.keys.gcp import GcpKeys
from infra.observability import CloudMonitoringAlarm
from infra.serverless import SourcesArgs


def code_prefix(prefix: str) -> str:
    """Returns the name prefix of two resources: the bucket that stores the source code of Cloud Run services, and the
    key ring whose key encrypts the bucket.
    """
    return f"{prefix}-code"


class Sources(pulumi.ComponentResource):
    """A bucket for the code of Cloud Run services. The bucket has the same protection as the buckets of published
    objects, because whoever writes to it decides which code runs.
    """

    bucket: pulumi.Output[str]
    alarms: Sequence[CloudMonitoringAlarm]

    def __init__(self, name: str, args: SourcesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:entitlements:Sources", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = code_prefix(args.prefix)
        key = GcpKeys(f"{name}-key", GcpKeysArgs(own, gcs_location(args.regions)), child)
        made = GcsBlobs(
            name,
            BlobsArgs(
                prefix=own,
                regions=args.regions,
                readers=[],
                keys={args.regions[0]: key.usable},
                noncurrent_days=args.noncurrent_days,
                lock=None,
                log_days=args.log_days,
                removable=args.removable,
            ),
            child,
        )
        self.bucket, self.alarms = made.made, made.alarms
        self.register_outputs({"bucket": self.bucket})
