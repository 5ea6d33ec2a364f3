"""Mutations for the policies that apply to every resource type. A policy must report each mutation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.policies.mutations import Mutation, StackMutation
from tests.policies.mutations.changes import add_resource, put, unprotected, without
from tests.policies.mutations.storage import published
from tests.support.harness import Registered

GCS_BUCKET = "gcp:storage/bucket:Bucket"
BUCKET = "aws:s3/bucket:Bucket"
TABLE = "aws:dynamodb/table:Table"
INSTANCE = "gcp:spanner/instance:Instance"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
QUEUE = "aws:sqs/queue:Queue"
_TAGGED = [
    "aws:dynamodb/table:Table",
    "aws:ec2/eip:Eip",
    "aws:ec2/instance:Instance",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/vpc:Vpc",
    "aws:iam/role:Role",
    "aws:route53/healthCheck:HealthCheck",
    "aws:route53/zone:Zone",
    "aws:s3/bucket:Bucket",
]
_LABELLED = ["gcp:compute/instance:Instance", "gcp:storage/bucket:Bucket", "gcp:spanner/instance:Instance"]
KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
TOPIC = "aws:sns/topic:Topic"
ALERT_POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
GCE = "gcp:compute/instance:Instance"
EC2 = "aws:ec2/instance:Instance"


def many_more_machines(stack: Sequence[Registered]) -> Iterator[Sequence[Registered]]:
    """Yields the stack with 20 more copies of each machine of one type, which exceeds the cost limit. Each type of
    machine is one case.
    """
    for token in sorted({each.type for each in stack} & {EC2, GCE}):
        yield [
            *stack,
            *[replace(each, urn=f"{each.urn}-{n}") for n in range(20) for each in stack if each.type == token],
        ]


MUTATIONS: list[Mutation | StackMutation] = [
    *[
        Mutation("multi-data-force-destroy-off", [token], "force_destroy", put("forceDestroy", True))
        for token in (BUCKET, GCS_BUCKET, "aws:route53/zone:Zone", "gcp:spanner/instance:Instance")
    ],
    *[
        Mutation("multi-data-protected-from-replacement", [token], "not protected", unprotected)
        for token in (
            BUCKET,
            GCS_BUCKET,
            "aws:route53/zone:Zone",
            "aws:dynamodb/table:Table",
            "gcp:spanner/instance:Instance",
            "gcp:spanner/database:Database",
            KEY,
            REPLICA_KEY,
            "gcp:kms/cryptoKey:CryptoKey",
        )
    ],
    Mutation("stack-resource-types-reviewed", [BUCKET], "an access list", add_resource("aws:s3/bucketAcl:BucketAcl")),
    Mutation("multi-data-in-allowed-regions", [BUCKET], "elsewhere", put("region", "me-central-1")),
    Mutation("multi-data-in-allowed-regions", [GCS_BUCKET], "elsewhere", without("customPlacementConfig"), published),
    Mutation("multi-data-in-allowed-regions", [TABLE], "home elsewhere", put("region", "me-central-1")),
    Mutation(
        "multi-data-in-allowed-regions", [TABLE], "a replica elsewhere", put("replicas.0.regionName", "me-central-1")
    ),
    Mutation("multi-data-in-allowed-regions", [INSTANCE], "elsewhere", put("config", "regional-me-central1")),
    Mutation("multi-resource-tagged", [LOG_GROUP, QUEUE], "whose it is", without("tags.owner")),
    Mutation("multi-data-in-allowed-regions", [LOG_GROUP, QUEUE], "elsewhere", put("region", "me-central-1")),
    Mutation("multi-resource-tagged", _TAGGED, "whose it is", without("tags.owner")),
    Mutation("multi-resource-tagged", _LABELLED, "whose it is", without("labels.owner")),
    Mutation("multi-data-in-allowed-regions", [KEY, REPLICA_KEY], "elsewhere", put("region", "me-central-1")),
    Mutation("multi-resource-tagged", [ALERT_POLICY], "whose it is", without("userLabels.owner")),
    StackMutation("stack-cost-within-budget", [EC2, GCE], "twenty times the machines", many_more_machines),
    Mutation("multi-resource-tagged", [KEY, REPLICA_KEY, TOPIC], "whose it is", without("tags.owner")),
]
