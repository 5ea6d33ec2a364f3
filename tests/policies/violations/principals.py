"""Harmful changes to a stack that let in principals of other accounts and projects, or use conditions that restrict
nothing. Tests make each change, and a policy must report it.
"""

from __future__ import annotations

from typing import Any

from tests.policies.mutations.changes import add_resource, also_allow, put, statements
from tests.policies.violations import GOOGLE, Violation

OTHER = "arn:aws:iam::999999999999:root"
OWN = "aws-iam-principals-in-own-accounts"
ACCOUNT = "999999999999"
ROLE = "aws:iam/role:Role"
KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
QUEUE = "aws:sqs/queue:Queue"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
PERMISSION = "aws:lambda/permission:Permission"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
DYNAMO_POLICY = "aws:dynamodb/resourcePolicy:ResourcePolicy"
TABLE = "aws:dynamodb/table:Table"


def others() -> list[Violation]:
    """Returns violations whose IAM document names a principal of another AWS account."""

    def trusted(how: str, principal: Any, **more: Any) -> Violation:
        change = statements(
            "assumeRolePolicy",
            lambda those: [*those, {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}],
        )
        return Violation(how, OWN, ACCOUNT, ROLE, change)

    external = {"StringEquals": {"sts:ExternalId": "vendor-1"}}
    readable = "arn:aws:s3:::artifact-edge-prod-example-us-east-1/*"
    return [
        Violation(
            "bucket policy lets another account read",
            OWN,
            ACCOUNT,
            BUCKET_POLICY,
            also_allow("policy", Principal={"AWS": OTHER}, Action="s3:GetObject", Resource=readable),
        ),
        Violation(
            "bucket policy lets another account's role read, beside our own",
            OWN,
            ACCOUNT,
            BUCKET_POLICY,
            also_allow(
                "policy",
                Principal={"AWS": ["arn:aws:iam::123456789012:role/a", f"arn:aws:iam::{ACCOUNT}:role/b"]},
                Action="s3:GetObject",
                Resource=readable,
            ),
        ),
        Violation(
            "bucket policy names another account by its number",
            OWN,
            ACCOUNT,
            BUCKET_POLICY,
            also_allow("policy", Principal={"AWS": ACCOUNT}, Action="s3:GetObject", Resource=readable),
        ),
        Violation(
            "bucket policy names a canonical user",
            OWN,
            "canonical",
            BUCKET_POLICY,
            also_allow("policy", Principal={"CanonicalUser": "79a59df900b949e5"}, Action="s3:GetObject"),
        ),
        *[
            Violation(
                f"{how} policy lets another account decrypt",
                OWN,
                ACCOUNT,
                token,
                also_allow("policy", Principal={"AWS": OTHER}, Action="kms:Decrypt"),
            )
            for how, token in (("KMS key", KEY), ("KMS replica key", REPLICA))
        ],
        Violation(
            "topic policy lets another account publish",
            OWN,
            ACCOUNT,
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": OTHER}, Action="sns:Publish"),
        ),
        Violation(
            "topic policy lets every account of an organization subscribe",
            OWN,
            "o-a1b2c3d4e5",
            TOPIC_POLICY,
            also_allow(
                "policy",
                Principal="*",
                Action="sns:Subscribe",
                Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}},
            ),
        ),
        Violation(
            "queue policy lets another account receive",
            OWN,
            ACCOUNT,
            QUEUE,
            add_resource(
                QUEUE_POLICY,
                depends="queueUrl",
                queueUrl="x",
                policy={
                    "Statement": {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sqs:ReceiveMessage"},
                },
            ),
        ),
        Violation(
            "table policy lets another account read",
            OWN,
            ACCOUNT,
            TABLE,
            add_resource(
                DYNAMO_POLICY,
                depends="resourceArn",
                resourceArn="x",
                policy={"Statement": [{"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "dynamodb:GetItem"}]},
            ),
        ),
        Violation(
            "everybody in another account decrypts by a condition",
            OWN,
            ACCOUNT,
            KEY,
            also_allow(
                "policy",
                Principal={"AWS": "*"},
                Action="kms:Decrypt",
                Condition={"StringEquals": {"kms:CallerAccount": ACCOUNT}},
            ),
        ),
        Violation(
            "a condition lists another account beside our own",
            OWN,
            ACCOUNT,
            KEY,
            also_allow(
                "policy",
                Principal="*",
                Action="kms:Decrypt",
                Condition={"StringEquals": {"aws:PrincipalAccount": ["123456789012", ACCOUNT]}},
            ),
        ),
        Violation(
            "a service acts for another account",
            OWN,
            ACCOUNT,
            TOPIC_POLICY,
            also_allow(
                "policy",
                Principal={"Service": "cloudwatch.amazonaws.com"},
                Action="sns:Publish",
                Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            ),
        ),
        trusted("role trusts another account", {"AWS": OTHER}),
        trusted("role trusts another account with an external id", {"AWS": OTHER}, Condition=external),
        trusted("role trusts a user of another account", {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/vendor"]}),
        trusted("role trusts a session of another account", {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}),
        trusted(
            "role trusts an identity provider in another account",
            {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"},
            Condition={"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:acme/x:environment:prod"}},
        ),
        Violation(
            "function may be invoked by another account",
            OWN,
            ACCOUNT,
            PERMISSION,
            put("principal", ACCOUNT),
            lambda permission: permission.name == "drain",
        ),
        Violation(
            "replication hands objects over to another account",
            OWN,
            ACCOUNT,
            REPLICATION,
            put("rules.0.destination.account", ACCOUNT),
        ),
    ]


def loose() -> list[Violation]:
    """Returns violations of policies in which the conditions of an IAM statement restrict nothing."""
    every: list[tuple[str, dict[str, dict[str, Any]]]] = [
        ("PrincipalArn *", {"StringLike": {"aws:PrincipalArn": "*"}}),
        ("PrincipalAccount *", {"StringLike": {"aws:PrincipalAccount": "*"}}),
        ("PrincipalAccount of any digits", {"StringLike": {"aws:PrincipalAccount": "????????????"}}),
        ("a role name in every account", {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/artifact-edge-*"}}),
        ("PrincipalArn by StringLike", {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}),
        ("one specific value and *", {"StringLike": {"aws:PrincipalAccount": ["123456789012", "*"]}}),
        ("ForAnyValue", {"ForAnyValue:StringLike": {"aws:PrincipalAccount": ["*"]}}),
        ("ForAllValues", {"ForAllValues:StringEquals": {"aws:PrincipalAccount": ["123456789012"]}}),
        ("IfExists", {"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}}),
        ("Null", {"Null": {"aws:PrincipalArn": "false"}}),
        ("Not", {"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}}),
        ("a key about something else", {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}),
        ("a user agent", {"StringLike": {"aws:UserAgent": "artifact-edge*"}}),
        ("every organization", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        ("every path of organizations", {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/*"]}}),
        ("every endpoint", {"StringLike": {"aws:SourceVpce": "vpce-*"}}),
        ("every source", {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}}),
        ("every source account", {"StringLike": {"aws:SourceAccount": "*"}}),
    ]
    named = "aws-iam-resource-policies-name-principals"
    return [
        *[
            Violation(
                f"{how} narrows who decrypts",
                named,
                "everybody",
                KEY,
                also_allow("policy", Principal={"AWS": "*"}, Action="kms:Decrypt", Condition=condition),
            )
            for how, condition in every
        ],
        *[
            Violation(
                f"{how} narrows who reads a bucket",
                "multi-bucket-grants-not-public",
                "everybody",
                BUCKET_POLICY,
                also_allow("policy", Principal="*", Action="s3:GetObject", Condition=condition),
            )
            for how, condition in every[:8]
        ],
        Violation(
            "everybody but one principal publishes",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", NotPrincipal={"AWS": OTHER}, Action="sns:Publish"),
        ),
        Violation(
            "everybody in a list of principals",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": ["*"]}, Action="sns:Publish"),
        ),
        Violation(
            "every root account",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": "arn:aws:iam::*:root"}, Action="sns:Publish"),
        ),
        Violation(
            "a service publishes for whomever it serves",
            "aws-iam-service-principals-bound",
            "s3.amazonaws.com",
            TOPIC_POLICY,
            also_allow("policy", Principal={"Service": "s3.amazonaws.com"}, Action="sns:Publish"),
        ),
        *[
            Violation(
                f"role trusts a provider's identities by {how}",
                "aws-iam-role-trust-restricted",
                "identity provider",
                ROLE,
                statements("assumeRolePolicy", lambda those, by=condition: [*those, _federated(by)]),
            )
            for how, condition in (
                ("StringEqualsIfExists", {"StringEqualsIfExists": {"accounts.google.com:sub": "1"}}),
                ("ForAllValues", {"ForAllValues:StringEquals": {"accounts.google.com:sub": ["1"]}}),
                ("the audience alone", {"StringEquals": {"accounts.google.com:aud": "1"}}),
                ("StringLike with *", {"StringLike": {"accounts.google.com:sub": "*"}}),
                ("a subject other than one", {"StringNotEquals": {"accounts.google.com:sub": "1"}}),
            )
        ],
        Violation(
            "role trusts a Google account that is not of the stack",
            "aws-iam-google-subjects-of-stack",
            "100000000000000000001",
            ROLE,
            statements(
                "assumeRolePolicy",
                lambda those: [
                    *those,
                    _federated({"StringEquals": {"accounts.google.com:sub": "100000000000000000001"}}),
                ],
            ),
        ),
    ]


def _federated(condition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }


def google() -> list[Violation]:
    """Returns violations that give roles to members of other Google Cloud projects."""
    policy = "gcp-iam-members-in-own-projects"
    strangers = {
        "a service account of another project": "serviceAccount:ci@other-project.iam.gserviceaccount.com",
        "a person": "user:someone@gmail.com",
        "a whole domain": "domain:example.com",
        "a group of others": "group:everyone@example.com",
        "the default service account": "serviceAccount:123-compute@developer.gserviceaccount.com",
        "a workload identity pool": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
        "the project's editors": "projectEditor:artifact-edge-prod",
        "an own account of a longer name": "serviceAccount:x@artifact-edge-prod.iam.gserviceaccount.com.evil.example",
    }
    return [
        *[
            Violation(f"{how} reads objects", policy, member, BUCKET_MEMBER, put("member", member), stack=GOOGLE)
            for how, member in strangers.items()
        ],
        *[
            Violation(
                f"a service account of another project has a right on a {token.split(':')[-1]}",
                policy,
                "other-project",
                token,
                put("member", "serviceAccount:ci@other-project.iam.gserviceaccount.com"),
                stack=GOOGLE,
            )
            for token in (
                "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
                "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
                "gcp:pubsub/topicIAMMember:TopicIAMMember",
                "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
            )
        ],
    ]


BUCKET_MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
VIOLATIONS = [*others(), *loose(), *google()]
