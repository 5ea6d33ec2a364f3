"""Harmful changes to a stack. Some give access to other accounts and projects. Others add conditions that seem to
restrict access, but restrict nothing. Tests make each change, and a policy must report it.
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
    """Returns violations in which an IAM document gives permissions to another AWS account."""

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
            "bucket policy: another account may read objects",
            OWN,
            ACCOUNT,
            BUCKET_POLICY,
            also_allow("policy", Principal={"AWS": OTHER}, Action="s3:GetObject", Resource=readable),
        ),
        Violation(
            "bucket policy: a role of another account may read objects, as may one of our own",
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
            "bucket policy: another account, named by its number, may read objects",
            OWN,
            ACCOUNT,
            BUCKET_POLICY,
            also_allow("policy", Principal={"AWS": ACCOUNT}, Action="s3:GetObject", Resource=readable),
        ),
        Violation(
            "bucket policy: a canonical user may read objects",
            OWN,
            "canonical",
            BUCKET_POLICY,
            also_allow("policy", Principal={"CanonicalUser": "79a59df900b949e5"}, Action="s3:GetObject"),
        ),
        *[
            Violation(
                f"{how}: its policy lets another account decrypt",
                OWN,
                ACCOUNT,
                token,
                also_allow("policy", Principal={"AWS": OTHER}, Action="kms:Decrypt"),
            )
            for how, token in (("KMS key", KEY), ("KMS replica key", REPLICA))
        ],
        Violation(
            "topic policy: another account may publish",
            OWN,
            ACCOUNT,
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": OTHER}, Action="sns:Publish"),
        ),
        Violation(
            "topic policy: every account of an organization may subscribe",
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
            "queue policy: another account may receive messages",
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
            "table policy: another account may read items",
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
            "KMS key: a condition on the caller's account lets another account decrypt",
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
            "KMS key: a condition lists our own account and another one",
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
            "topic policy: a service may publish on behalf of another account",
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
        trusted("role: another account may assume it", {"AWS": OTHER}),
        trusted("role: another account may assume it with an external id", {"AWS": OTHER}, Condition=external),
        trusted("role: a user of another account may assume it", {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/vendor"]}),
        trusted(
            "role: a session of another account may assume it", {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/a/b"}
        ),
        trusted(
            "role: identities of a provider in another account may assume it",
            {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"},
            Condition={"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:acme/x:environment:prod"}},
        ),
        Violation(
            "function: another account may invoke it",
            OWN,
            ACCOUNT,
            PERMISSION,
            put("principal", ACCOUNT),
            lambda permission: permission.name == "drain",
        ),
        Violation(
            "replication: another account becomes the owner of the replicas",
            OWN,
            ACCOUNT,
            REPLICATION,
            put("rules.0.destination.account", ACCOUNT),
        ),
    ]


def loose() -> list[Violation]:
    """Returns violations of the policies: IAM statements whose condition seems to restrict who can use the statement,
    but restricts nobody.
    """
    every: list[tuple[str, dict[str, dict[str, Any]]]] = [
        ("aws:PrincipalArn matches *", {"StringLike": {"aws:PrincipalArn": "*"}}),
        ("aws:PrincipalAccount matches *", {"StringLike": {"aws:PrincipalAccount": "*"}}),
        ("aws:PrincipalAccount has any twelve characters", {"StringLike": {"aws:PrincipalAccount": "????????????"}}),
        (
            "aws:PrincipalArn is a role of a given name in any account",
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/artifact-edge-*"}},
        ),
        ("aws:PrincipalArn is the root of any account", {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}}),
        (
            "aws:PrincipalAccount is one account or matches *",
            {"StringLike": {"aws:PrincipalAccount": ["123456789012", "*"]}},
        ),
        ("any value of aws:PrincipalAccount matches *", {"ForAnyValue:StringLike": {"aws:PrincipalAccount": ["*"]}}),
        (
            "all values of aws:PrincipalAccount match, or there is none",
            {"ForAllValues:StringEquals": {"aws:PrincipalAccount": ["123456789012"]}},
        ),
        (
            "aws:PrincipalAccount matches or is missing",
            {"StringEqualsIfExists": {"aws:PrincipalAccount": "123456789012"}},
        ),
        ("aws:PrincipalArn is present", {"Null": {"aws:PrincipalArn": "false"}}),
        (
            "aws:PrincipalAccount is not one given account",
            {"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}},
        ),
        ("the request is for one region", {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}),
        ("the user agent matches a pattern", {"StringLike": {"aws:UserAgent": "artifact-edge*"}}),
        ("the principal is in any organization", {"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        (
            "the principal is in any path of any organization",
            {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-*/*"]}},
        ),
        ("the request comes through any VPC endpoint", {"StringLike": {"aws:SourceVpce": "vpce-*"}}),
        ("aws:SourceArn is any ARN", {"ArnLike": {"aws:SourceArn": "arn:aws:*:*:*:*"}}),
        ("aws:SourceAccount is any account", {"StringLike": {"aws:SourceAccount": "*"}}),
    ]
    named = "aws-iam-resource-policies-name-principals"
    return [
        *[
            Violation(
                f"KMS key: everybody may decrypt if {how}",
                named,
                "everybody",
                KEY,
                also_allow("policy", Principal={"AWS": "*"}, Action="kms:Decrypt", Condition=condition),
            )
            for how, condition in every
        ],
        *[
            Violation(
                f"bucket: everybody may read objects if {how}",
                "multi-bucket-grants-not-public",
                "everybody",
                BUCKET_POLICY,
                also_allow("policy", Principal="*", Action="s3:GetObject", Condition=condition),
            )
            for how, condition in every[:8]
        ],
        Violation(
            "topic policy: everybody except one principal may publish",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", NotPrincipal={"AWS": OTHER}, Action="sns:Publish"),
        ),
        Violation(
            "topic policy: a list of principals contains *",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": ["*"]}, Action="sns:Publish"),
        ),
        Violation(
            "topic policy: the root of every account may publish",
            named,
            "everybody",
            TOPIC_POLICY,
            also_allow("policy", Principal={"AWS": "arn:aws:iam::*:root"}, Action="sns:Publish"),
        ),
        Violation(
            "topic policy: a service may publish on behalf of any account",
            "aws-iam-service-principals-bound",
            "s3.amazonaws.com",
            TOPIC_POLICY,
            also_allow("policy", Principal={"Service": "s3.amazonaws.com"}, Action="sns:Publish"),
        ),
        *[
            Violation(
                f"role: identities of Google may assume the role if {how}",
                "aws-iam-role-trust-restricted",
                "identity provider",
                ROLE,
                statements("assumeRolePolicy", lambda those, by=condition: [*those, _federated(by)]),
            )
            for how, condition in (
                ("the subject matches or is missing", {"StringEqualsIfExists": {"accounts.google.com:sub": "1"}}),
                (
                    "all subjects match, or there is none",
                    {"ForAllValues:StringEquals": {"accounts.google.com:sub": ["1"]}},
                ),
                ("the audience matches", {"StringEquals": {"accounts.google.com:aud": "1"}}),
                ("the subject matches *", {"StringLike": {"accounts.google.com:sub": "*"}}),
                ("the subject is not one given subject", {"StringNotEquals": {"accounts.google.com:sub": "1"}}),
            )
        ],
        Violation(
            "role: a Google service account outside the stack may assume it",
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
    """Returns changes that give roles to members outside the stack's Google project."""
    policy = "gcp-iam-members-in-own-projects"
    strangers = {
        "a service account of another project": "serviceAccount:ci@other-project.iam.gserviceaccount.com",
        "a person with a Gmail address": "user:someone@gmail.com",
        "everybody of a domain": "domain:example.com",
        "a group outside the project": "group:everyone@example.com",
        "the default service account of Compute Engine": "serviceAccount:123-compute@developer.gserviceaccount.com",
        "every identity of a workload identity pool": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*",
        "everybody who may edit the project": "projectEditor:artifact-edge-prod",
        "an account with a similar address": "serviceAccount:x@artifact-edge-prod.iam.gserviceaccount.com.evil.example",
    }
    return [
        *[
            Violation(
                f"Google bucket: {how} may read objects",
                policy,
                member,
                BUCKET_MEMBER,
                put("member", member),
                stack=GOOGLE,
            )
            for how, member in strangers.items()
        ],
        *[
            Violation(
                f"a service account of another project is the member of a {token.split(':')[-1]}",
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
