"""Harmful changes to all resource types, such as a lost tag. Tests make each change, and a policy must report it."""

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
    "aws:globalaccelerator/accelerator:Accelerator",
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
    """Yields one changed copy of the stack for each type of machine resource, such as EC2 instances. The copy has 20
    more machines for each machine of this type, which exceeds the cost limit.
    """
    for token in sorted({each.type for each in stack} & {EC2, GCE}):
        yield [
            *stack,
            *[replace(each, urn=f"{each.urn}-{n}") for n in range(20) for each in stack if each.type == token],
        ]


MUTATIONS: list[Mutation | StackMutation] = [
    *[
        Mutation(
            "multi-data-force-destroy-off",
            [token],
            "force_destroy is enabled for a resource with data",
            put("forceDestroy", True),
        )
        for token in (BUCKET, GCS_BUCKET, "aws:route53/zone:Zone", "gcp:spanner/instance:Instance")
    ],
    *[
        Mutation(
            "multi-data-protected-from-replacement",
            [token],
            "a resource with data is not protected from deletion",
            unprotected,
        )
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
    Mutation(
        "stack-resource-types-reviewed",
        [BUCKET],
        "the stack has a resource of an unreviewed type: an S3 access control list",
        add_resource("aws:s3/bucketAcl:BucketAcl"),
    ),
    Mutation(
        "multi-data-in-allowed-regions",
        [BUCKET],
        "an S3 bucket is in a forbidden region",
        put("region", "me-central-1"),
    ),
    Mutation(
        "multi-data-in-allowed-regions",
        [GCS_BUCKET],
        "a Cloud Storage bucket is in a location that is not allowed",
        without("customPlacementConfig"),
        published,
    ),
    Mutation(
        "multi-data-in-allowed-regions", [TABLE], "the table's home region is forbidden", put("region", "me-central-1")
    ),
    Mutation(
        "multi-data-in-allowed-regions",
        [TABLE],
        "a table replica is in a forbidden region",
        put("replicas.0.regionName", "me-central-1"),
    ),
    Mutation(
        "multi-data-in-allowed-regions",
        [INSTANCE],
        "a Spanner instance is in a forbidden region",
        put("config", "regional-me-central1"),
    ),
    Mutation(
        "multi-resource-tagged", [LOG_GROUP, QUEUE], "a resource has no tag or label `owner`", without("tags.owner")
    ),
    Mutation(
        "multi-data-in-allowed-regions",
        [LOG_GROUP, QUEUE],
        "a log group or queue is in a forbidden region",
        put("region", "me-central-1"),
    ),
    Mutation("multi-resource-tagged", _TAGGED, "a resource has no tag or label `owner`", without("tags.owner")),
    Mutation("multi-resource-tagged", _LABELLED, "a resource has no tag or label `owner`", without("labels.owner")),
    Mutation(
        "multi-data-in-allowed-regions",
        [KEY, REPLICA_KEY],
        "a KMS key is in a forbidden region",
        put("region", "me-central-1"),
    ),
    Mutation(
        "multi-resource-tagged", [ALERT_POLICY], "a resource has no tag or label `owner`", without("userLabels.owner")
    ),
    StackMutation(
        "stack-cost-within-budget",
        [EC2, GCE],
        "the stack has 20 more copies of each machine of one type",
        many_more_machines,
    ),
    Mutation(
        "multi-resource-tagged",
        [KEY, REPLICA_KEY, TOPIC],
        "a resource has no tag or label `owner`",
        without("tags.owner"),
    ),
]
