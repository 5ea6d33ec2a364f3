"""Stores the compiled edge worker and the programs of PoP machines at the origin. PoP machines fetch these files
through the shields (regional caches).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from contract.pops import CURRENT_WORKER, programs_key, worker_key
from infra.blobs import Bucket
from infra.pop import programs

# Values of the HTTP header Cache-Control. The object with the code of an edge worker never changes (_IMMUTABLE). The
# object that contains the digest of the current worker changes with each release (_MUTABLE). Shields (regional caches)
# obey this header, so a new worker reaches all PoP machines within a minute or two.
_IMMUTABLE = "public, max-age=31536000, immutable"
_MUTABLE = "public, max-age=5"


@dataclass(frozen=True)
class EdgeReleaseArgs:
    """Arguments of the component that stores the edge worker for PoPs of our own. `bundle` is the code of the worker,
    which is the same as on Cloudflare. `bucket` is the primary bucket of the origin.
    """

    bundle: str
    bucket: Bucket


class EdgeRelease(pulumi.ComponentResource):
    """Three objects at the origin, which PoP machines fetch. The first object is the edge worker, and its key contains
    the worker's digest. The second object contains the digest of the current worker. The third object contains all
    programs of PoP machines, and the machines' user data contains the digest of this object.

    Pulumi deletes none of these objects: the bucket's lock protects old versions, and machines may still run an old
    worker.
    """

    def __init__(self, name: str, args: EdgeReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:pop:EdgeRelease", name, None, opts)
        digest = hashlib.sha256(args.bundle.encode()).hexdigest()
        worker = aws.s3.BucketObjectv2(
            name,
            bucket=args.bucket.name,
            region=args.bucket.region,
            key=worker_key(digest),
            content=args.bundle,
            content_type="text/javascript",
            cache_control=_IMMUTABLE,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        aws.s3.BucketObjectv2(
            f"{name}-current",
            bucket=args.bucket.name,
            region=args.bucket.region,
            key=CURRENT_WORKER,
            content=json.dumps({"version": 1, "sha256": digest}),
            content_type="application/json",
            cache_control=_MUTABLE,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[worker], retain_on_delete=True),
        )
        aws.s3.BucketObjectv2(
            f"{name}-programs",
            bucket=args.bucket.name,
            region=args.bucket.region,
            key=programs_key(programs.digest()),
            content=programs.bundle(),
            content_type="application/json",
            cache_control=_IMMUTABLE,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.register_outputs({"digest": digest})
