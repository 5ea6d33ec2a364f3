"""Harmful changes to IAM permissions, trust policies, deny statements and object locks. Tests make each change, and a
policy must report it.
"""

from __future__ import annotations

import json

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import also_allow, put, statements, without

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
KEYS = ["aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"]
HELD_POLICIES = [
    *KEYS,
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:sns/topicPolicy:TopicPolicy",
]
GOOGLE_GRANTS = [
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
    "gcp:storage/bucketIAMMember:BucketIAMMember",
]
DENIAL = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
OTHER = "arn:aws:s3:::artifact-edge-staging/*"


def inline(action: str, target: str = "x") -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": target}})


MUTATIONS = [
    Mutation(
        "aws-iam-actions-of-role",
        [ROLE_POLICY],
        "a role's policy allows an action that the role does not need",
        also_allow("policy", Action="dynamodb:DeleteTable"),
    ),
    Mutation(
        "aws-iam-actions-of-role",
        [ROLE],
        "a role's inline policy allows an action that the role does not need",
        put("inlinePolicies", [{"policy": inline("dynamodb:DeleteTable")}]),
    ),
    Mutation(
        "aws-iam-resources-of-environment",
        [ROLE_POLICY],
        "a role's policy covers objects of another environment",
        also_allow("policy", Action="s3:GetObject", Resource=OTHER),
    ),
    Mutation(
        "aws-iam-resources-of-environment",
        [ROLE],
        "a role's inline policy covers objects of another environment",
        put("inlinePolicies", [{"policy": inline("s3:GetObject", OTHER)}]),
    ),
    Mutation(
        "aws-iam-role-trust-providers-known",
        [ROLE],
        "a service that the stack does not use may assume a role",
        also_allow("assumeRolePolicy", Action="sts:AssumeRole", Principal={"Service": "codebuild.amazonaws.com"}),
    ),
    Mutation("aws-iam-role-boundary-own", [ROLE], "a role has no permissions boundary", without("permissionsBoundary")),
    Mutation(
        "aws-iam-denials-conditional",
        HELD_POLICIES,
        "a resource policy denies everything to everyone",
        statements("policy", lambda those: [*those, DENIAL]),
    ),
    Mutation(
        "aws-iam-denials-conditional",
        [
            "aws:s3/bucket:Bucket",
            "aws:sqs/queue:Queue",
            "aws:sns/topic:Topic",
            "aws:ec2/vpcEndpoint:VpcEndpoint",
        ],
        "an inline resource policy denies everything to everyone",
        put("policy", json.dumps({"Statement": [DENIAL]})),
    ),
    Mutation(
        "aws-kms-key-administered-by-account",
        KEYS,
        "a KMS key's policy bypasses the lockout check",
        put("bypassPolicyLockoutSafetyCheck", True),
    ),
    Mutation(
        "aws-kms-key-administered-by-account",
        KEYS,
        "a role may administer a KMS key",
        also_allow("policy", Action="kms:*", Principal={"AWS": "arn:aws:iam::123456789012:role/x"}),
    ),
    Mutation(
        "gcp-iam-roles-of-member",
        GOOGLE_GRANTS,
        "a Google Cloud member gets a role that its work does not need",
        put("role", "roles/viewer"),
    ),
    Mutation(
        "multi-bucket-locks-limited",
        ["aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"],
        "no administrator can end an S3 object lock",
        put("rule", {"defaultRetention": {"mode": "COMPLIANCE", "days": 30}}),
    ),
    Mutation(
        "multi-bucket-locks-limited",
        ["gcp:storage/bucket:Bucket"],
        "no administrator can end a bucket's retention policy",
        put("retentionPolicy", {"isLocked": True, "retentionPeriod": "86400"}),
    ),
]
