"""Harmful changes to the IAM permissions of a stack. Tests make each change, and a policy must report it."""

from __future__ import annotations

import json

from tests.policies.mutations import Mutation
from tests.policies.mutations.changes import add_resource, also_allow, put, statements

QUEUE = "aws:sqs/queue:Queue"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
ATTACHMENTS = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
KEY = "aws:kms/key:Key"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
REPLICA_KEY = "aws:kms/replicaKey:ReplicaKey"
GRANTS = [
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
]

MUTATIONS = [
    Mutation(
        "aws-iam-resource-policies-name-principals",
        [QUEUE],
        "a queue policy allows every principal",
        put("policy", '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}'),
    ),
    Mutation(
        "multi-iam-no-full-access",
        [ROLE_POLICY],
        "a role's policy allows every S3 action",
        also_allow("policy", Action="s3:*"),
    ),
    Mutation(
        "multi-iam-no-full-access",
        [ROLE],
        "a role has the managed policy AdministratorAccess",
        put("managedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(
        "aws-iam-managed-policies-allowed",
        [ROLE],
        "a role has a managed policy of AWS that is not allowed",
        put("managedPolicyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    Mutation(
        "multi-iam-no-full-access",
        [ATTACHMENTS],
        "the policy AdministratorAccess is attached to a role",
        put("policyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(
        "aws-iam-managed-policies-allowed",
        [ATTACHMENTS],
        "a managed policy of AWS that is not allowed is attached to a role",
        put("policyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    Mutation(
        "multi-iam-no-full-access",
        GRANTS,
        "a Google Cloud member gets the role of an owner",
        put("role", "roles/owner"),
    ),
    Mutation(
        "aws-iam-role-trust-restricted",
        [ROLE],
        "every principal may assume a role",
        also_allow("assumeRolePolicy", Principal="*", Action="sts:AssumeRole"),
    ),
    Mutation(
        "aws-iam-role-trust-restricted",
        [ROLE],
        "every Google account may assume a role",
        also_allow("assumeRolePolicy", Principal={"Federated": "accounts.google.com"}, Action="sts:*"),
    ),
    Mutation(
        "aws-iam-permissions-name-resources",
        [ROLE_POLICY],
        "a role's policy allows it to read any object",
        also_allow("policy", Action="s3:GetObject"),
    ),
    Mutation(
        "aws-iam-permissions-name-resources",
        [ROLE_POLICY],
        "a role's permissions cover all resources",
        statements("policy", lambda those: [{**each, "Resource": "*"} for each in those]),
        lambda policy: any(
            each["Effect"] == "Allow" and each["Resource"] != "*"
            for each in json.loads(policy.inputs["policy"])["Statement"]
        ),
    ),
    Mutation(
        "aws-iam-permissions-name-resources",
        [ROLE],
        "a role's inline policy allows it to read any object",
        put(
            "inlinePolicies",
            [{"policy": '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'}],
        ),
    ),
    Mutation(
        "aws-iam-no-privilege-escalation",
        [ROLE_POLICY],
        "a role's policy allows it to give itself more permissions",
        also_allow("policy", Action="iam:PutRolePolicy"),
    ),
    Mutation(
        "aws-iam-no-privilege-escalation",
        [ROLE],
        "a role's inline policy allows it to give itself more permissions",
        put("inlinePolicies", [{"policy": '{"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "x"}}'}]),
    ),
    *[
        Mutation(
            "aws-iam-resource-policies-name-principals",
            [token],
            "a key policy or topic policy allows every principal",
            also_allow("policy", Principal={"AWS": "*"}, Action="*"),
        )
        for token in (KEY, REPLICA_KEY, TOPIC_POLICY)
    ],
    Mutation(
        "aws-iam-resource-policies-name-principals",
        ["aws:sns/topic:Topic"],
        "a topic's inline policy allows every principal",
        put("policy", '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": "*"}}'),
    ),
    Mutation(
        "gcp-iam-grants-not-public", GRANTS, "a Google Cloud role is granted to everyone", put("member", "allUsers")
    ),
    Mutation(
        "multi-iam-no-long-lived-keys",
        [ROLE],
        "an IAM user has an access key",
        add_resource("aws:iam/accessKey:AccessKey", user="x"),
    ),
    Mutation(
        "multi-iam-no-long-lived-keys",
        [ROLE],
        "a Google service account has a key",
        add_resource("gcp:serviceaccount/key:Key", serviceAccountId="x"),
    ),
]
