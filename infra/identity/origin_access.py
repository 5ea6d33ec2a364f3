"""Restricts the networks from which the IAM role of the shields (regional caches) can read from S3. A request must come
through the VPC endpoint of a shield network, or from the fixed address of a shield.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from infra.blobs import Bucket
from infra.blobs.s3_policies import arn
from infra.iam import Names, Statement, deny, document
from infra.identity import OriginAccessArgs
from infra.shield import Node


class OriginAccess(pulumi.ComponentResource):
    """The IAM policy with which the role of the shields (regional caches) can read objects only from the networks and
    addresses of shields.

    A gateway endpoint serves only the buckets of its own region (AWS PrivateLink guide, "Gateway endpoints for Amazon
    S3"). Shields in a bucket's region read the bucket through the endpoint of their network. All other shields read the
    bucket from fixed addresses. The policies of buckets contain neither endpoints nor addresses, because a preview does
    not know the endpoints and addresses of new shields.
    """

    policy: pulumi.Output[str]

    def __init__(self, name: str, args: OriginAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("artifact-edge:identity:OriginWays", name, None, opts)
        regions = list(args.endpoints)
        addresses = pulumi.Output.all(*(node.address for node in args.nodes))
        endpoints = pulumi.Output.all(*args.endpoints.values())
        policy = aws.iam.RolePolicy(
            name,
            name="origin-ways",
            role=args.role,
            policy=pulumi.Output.all(endpoints, addresses).apply(
                lambda known: document(
                    *(
                        _refusal(
                            bucket,
                            dict(zip(regions, known[0], strict=True)),
                            list(zip(args.nodes, known[1], strict=True)),
                        )
                        for bucket in args.buckets
                    )
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.policy = policy.name
        self.register_outputs({})


def _refusal(bucket: Bucket, endpoints: Mapping[str, str], nodes: Sequence[tuple[Node, str]]) -> Statement:
    """Returns the statement that denies all reads of a bucket that do not come from a shield (a regional cache).

    The shields in the bucket's region read through a VPC endpoint. All other shields read from their public addresses.
    The statement denies a read that comes neither through this endpoint nor from one of these addresses. A request
    through a VPC endpoint has no source address, and other requests have no endpoint (S3 User Guide, "Controlling
    access from VPC endpoints with bucket policies"). If there is no shield, the statement has no condition and denies
    all reads.
    """
    condition: dict[str, Mapping[str, Names]] = {}
    if bucket.region in endpoints:
        condition["StringNotEquals"] = {"aws:SourceVpce": endpoints[bucket.region]}
    outside = [f"{address}/32" for node, address in nodes if node.region != bucket.region]
    if outside:
        condition["NotIpAddress"] = {"aws:SourceIp": outside}
    return deny(["s3:GetObject", "s3:ListBucket"], [arn(bucket.name), f"{arn(bucket.name)}/*"], condition=condition)
