"""Changes that break IAM permissions, each of which a policy must report."""

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
        "everybody",
        put("policy", '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"}}'),
    ),
    Mutation("multi-iam-no-full-access", [ROLE_POLICY], "all of S3", also_allow("policy", Action="s3:*")),
    Mutation(
        "multi-iam-no-full-access",
        [ROLE],
        "administration",
        put("managedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(
        "aws-iam-managed-policies-allowed",
        [ROLE],
        "a policy of AWS",
        put("managedPolicyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    Mutation(
        "multi-iam-no-full-access",
        [ATTACHMENTS],
        "administration, attached",
        put("policyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    Mutation(
        "aws-iam-managed-policies-allowed",
        [ATTACHMENTS],
        "a policy of AWS, attached",
        put("policyArns", ["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    ),
    Mutation("multi-iam-no-full-access", GRANTS, "the owner's", put("role", "roles/owner")),
    Mutation(
        "aws-iam-role-trust-restricted",
        [ROLE],
        "anybody",
        also_allow("assumeRolePolicy", Principal="*", Action="sts:AssumeRole"),
    ),
    Mutation(
        "aws-iam-role-trust-restricted",
        [ROLE],
        "all of Google",
        also_allow("assumeRolePolicy", Principal={"Federated": "accounts.google.com"}, Action="sts:*"),
    ),
    Mutation(
        "aws-iam-permissions-name-resources", [ROLE_POLICY], "any object", also_allow("policy", Action="s3:GetObject")
    ),
    Mutation(
        "aws-iam-permissions-name-resources",
        [ROLE_POLICY],
        "permissions on all its resources",
        statements("policy", lambda those: [{**each, "Resource": "*"} for each in those]),
        lambda policy: any(
            each["Effect"] == "Allow" and each["Resource"] != "*"
            for each in json.loads(policy.inputs["policy"])["Statement"]
        ),
    ),
    Mutation(
        "aws-iam-permissions-name-resources",
        [ROLE],
        "any object, inline",
        put(
            "inlinePolicies",
            [{"policy": '{"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'}],
        ),
    ),
    Mutation(
        "aws-iam-no-privilege-escalation", [ROLE_POLICY], "more", also_allow("policy", Action="iam:PutRolePolicy")
    ),
    Mutation(
        "aws-iam-no-privilege-escalation",
        [ROLE],
        "more, inline",
        put("inlinePolicies", [{"policy": '{"Statement": {"Effect": "Allow", "Action": "iam:*", "Resource": "x"}}'}]),
    ),
    *[
        Mutation(
            "aws-iam-resource-policies-name-principals",
            [token],
            "everybody",
            also_allow("policy", Principal={"AWS": "*"}, Action="*"),
        )
        for token in (KEY, REPLICA_KEY, TOPIC_POLICY)
    ],
    Mutation(
        "aws-iam-resource-policies-name-principals",
        ["aws:sns/topic:Topic"],
        "everybody",
        put("policy", '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sns:*", "Resource": "*"}}'),
    ),
    Mutation("gcp-iam-grants-not-public", GRANTS, "everybody", put("member", "allUsers")),
    Mutation(
        "multi-iam-no-long-lived-keys", [ROLE], "an access key", add_resource("aws:iam/accessKey:AccessKey", user="x")
    ),
    Mutation(
        "multi-iam-no-long-lived-keys",
        [ROLE],
        "a key",
        add_resource("gcp:serviceaccount/key:Key", serviceAccountId="x"),
    ),
]
