"""Harmful changes to permissions for a stack's objects and secrets. Tests make each change, and a policy must report
it.
"""

from __future__ import annotations

import json

from tests.policies.mutations import Change, Mutation
from tests.policies.mutations.changes import also_allow, put

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
WRITE, READ = "s3:PutBucketPolicy", "secretsmanager:GetSecretValue"
ACCOUNT = {"AWS": "arn:aws:iam::123456789012:root"}


def inline(action: str) -> Change:
    document = json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": "x"}})
    return put("inlinePolicies", [{"policy": document}])


def reads(role: str) -> bool:
    return not role.endswith(("-drain", "-replication"))


MUTATIONS = [
    Mutation(
        "multi-bucket-writers-restricted",
        [ROLE_POLICY],
        "a role's policy allows it to change bucket policies",
        also_allow("policy", Action=WRITE),
        lambda policy: reads(policy.inputs["role"]),
    ),
    Mutation(
        "multi-bucket-writers-restricted",
        [ROLE],
        "a role's inline policy allows it to change bucket policies",
        inline(WRITE),
        lambda role: reads(role.inputs["name"]),
    ),
    Mutation(
        "multi-bucket-writers-restricted",
        [ROLE_POLICY],
        "a role's policy allows it to change object locks",
        also_allow("policy", Action="s3:*Retention"),
    ),
    Mutation(
        "multi-bucket-writers-restricted",
        ["aws:s3/bucketPolicy:BucketPolicy"],
        "a bucket policy allows the whole account to write objects",
        also_allow("policy", Principal=ACCOUNT, Action="s3:PutObject"),
    ),
    Mutation(
        "multi-bucket-writers-restricted",
        ["aws:s3/bucket:Bucket"],
        "a bucket's inline policy allows the whole account every S3 action",
        put("policy", json.dumps({"Statement": {"Effect": "Allow", "Principal": ACCOUNT, "Action": "s3:*"}})),
    ),
    Mutation(
        "multi-bucket-writers-restricted",
        ["gcp:storage/bucketIAMMember:BucketIAMMember"],
        "a Google Cloud member gets a role that may write objects",
        put("role", "roles/storage.objectUser"),
    ),
    Mutation(
        "aws-secretsmanager-readers-own-secrets",
        [ROLE_POLICY],
        "a role's policy allows it to read every secret",
        also_allow("policy", Action=READ),
    ),
    Mutation(
        "aws-secretsmanager-readers-own-secrets",
        [ROLE],
        "a role's inline policy allows it to read a secret of another role",
        inline(READ),
    ),
]
