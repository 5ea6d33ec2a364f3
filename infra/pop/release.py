"""Where PoP machines find the worker: in the origin's buckets, where no URL of clients leads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.blobs import Bucket


@dataclass(frozen=True)
class ReleaseArgs:
    """`bundle` is the compiled worker, `bucket` the one that is copied to all others."""

    bundle: str
    bucket: Bucket


class Release(pulumi.ComponentResource):
    """The worker that is deployed to Cloudflare, byte for byte, under a `key` that says what it is."""

    key: str
    sha256: str

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:Release", name, None, opts)
        self.sha256 = hashlib.sha256(args.bundle.encode()).hexdigest()
        self.key = f"deployments/edge/{self.sha256}.js"
        aws.s3.BucketObjectv2(
            name,
            bucket=args.bucket.name,
            region=args.bucket.region,
            key=self.key,
            content=args.bundle,
            content_type="application/javascript+module",
            # Machines that booted with an older worker come back with it.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.register_outputs({"key": self.key})
