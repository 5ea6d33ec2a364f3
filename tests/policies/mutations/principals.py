"""Harmful changes to the principals of IAM documents. Tests make each change, and a policy must report it."""

from __future__ import annotations

import json
from typing import Any

from tests.policies.mutations import Change, Mutation
from tests.policies.mutations.changes import also_allow, put

KEY = "aws:kms/key:Key"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ROLE = "aws:iam/role:Role"
# The Pulumi program sets the property `policy` of resources of these types. A mutation (a deliberate fault) adds a
# statement to this policy.
WITH_DOCUMENT = [KEY, REPLICA_KEY, TOPIC_POLICY, BUCKET_POLICY]
# The Pulumi program does not set the property `policy` of resources of these types. A mutation (a deliberate fault)
# sets the property.
WITHOUT_DOCUMENT = ["aws:s3/bucket:Bucket", "aws:sqs/queue:Queue", "aws:sns/topic:Topic"]
MEMBERS = [
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
]
OTHER = {"AWS": "arn:aws:iam::999999999999:root"}
SERVICE = {"Service": "sns.amazonaws.com"}


def document(principal: Any) -> Change:
    return put("policy", json.dumps({"Statement": {"Effect": "Allow", "Principal": principal, "Action": "*"}}))


MUTATIONS = [
    *[
        Mutation(name, tokens, how, change)
        for name, how, principal in (
            ("aws-iam-principals-in-own-accounts", "a resource policy allows another account", OTHER),
            ("aws-iam-service-principals-bound", "a resource policy allows a service to act for all accounts", SERVICE),
        )
        for tokens, change in (
            (WITH_DOCUMENT, also_allow("policy", Principal=principal, Action="*")),
            (WITHOUT_DOCUMENT, document(principal)),
        )
    ],
    Mutation(
        "aws-iam-principals-in-own-accounts",
        [ROLE],
        "another account may assume a role",
        also_allow("assumeRolePolicy", Principal=OTHER, Action="sts:AssumeRole"),
    ),
    Mutation(
        "aws-iam-principals-in-own-accounts",
        ["aws:lambda/permission:Permission"],
        "another account may invoke a function",
        put("principal", "999999999999"),
    ),
    Mutation(
        "aws-iam-principals-in-own-accounts",
        ["aws:s3/bucketReplicationConfig:BucketReplicationConfig"],
        "a replication rule gives objects to another account",
        put("rules.0.destination.account", "999999999999"),
    ),
    Mutation(
        "aws-iam-google-subjects-of-stack",
        [ROLE],
        "a Google account outside of the stack may assume a role",
        also_allow(
            "assumeRolePolicy",
            Principal={"Federated": "accounts.google.com"},
            Action="sts:AssumeRoleWithWebIdentity",
            Condition={"StringEquals": {"accounts.google.com:sub": "1"}},
        ),
    ),
    Mutation(
        "gcp-iam-members-in-own-projects",
        MEMBERS,
        "a service account of another project gets a role",
        put("member", "serviceAccount:x@other-project.iam.gserviceaccount.com"),
    ),
    Mutation(
        "multi-bucket-grants-not-public",
        ["aws:s3/bucket:Bucket"],
        "a bucket's inline policy allows every principal",
        document("*"),
    ),
]
