"""Harmful changes that give a stack's roles too many permissions, access to secrets of other components, or AWS managed
policies. Tests make each change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.policies.cases.parts import document
from tests.policies.mutations.changes import add_resource, also_allow, put, statements
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
FULL = "multi-iam-no-full-access"
NAMED = "aws-iam-permissions-name-resources"
MANAGED = "aws-iam-managed-policies-allowed"
SECRETS = "aws-secretsmanager-readers-own-secrets"
READ = "secretsmanager:GetSecretValue"


def allowed(how: str, policy: str, says: str, actions: Any, resources: Any, **more: Any) -> Violation:
    change = also_allow("policy", Action=actions, Resource=resources, **more)
    return Violation(f"permissions: {how}", policy, says, ROLE_POLICY, change)


def wide() -> list[Violation]:
    def not_action(those: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*those, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::*"}]

    def not_resource(those: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*those, {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::secret"}]

    return [
        allowed("s3:* on the ARN of all buckets", FULL, "s3:*", "s3:*", "arn:aws:s3:::*"),
        allowed("s3:* on the ARN of all objects", FULL, "s3:*", "s3:*", "arn:aws:s3:::*/*"),
        allowed("dynamodb:* on all tables", FULL, "dynamodb:*", "dynamodb:*", "arn:aws:dynamodb:*:*:table/*"),
        allowed("every action of S3, written s3:**", FULL, "s3:**", "s3:**", "*"),
        allowed("every action of every service, written *:*", FULL, "*:*", "*:*", "arn:aws:*:*:*:*"),
        allowed("every action of all services that begin with s", FULL, "s*:*", "s*:*", "*"),
        allowed("every action of KMS, written kms:?*", FULL, "kms:?*", "kms:?*", "arn:aws:kms:*:*:key/*"),
        allowed("s3:GetObject on the ARN of all objects", NAMED, "s3:GetObject", "s3:GetObject", "arn:aws:s3:::*/*"),
        allowed(
            "s3:GetObject on all buckets of all partitions of AWS",
            NAMED,
            "s3:GetObject",
            "s3:GetObject",
            "arn:*:s3:::*",
        ),
        allowed(
            "kms:Decrypt with every key of the account",
            NAMED,
            "kms:Decrypt",
            "kms:Decrypt",
            "arn:aws:kms:*:123456789012:key/*",
        ),
        allowed(
            "kms:Decrypt with every key and alias of a region",
            NAMED,
            "kms:Decrypt",
            "kms:Decrypt",
            "arn:aws:kms:us-east-1:123456789012:*",
        ),
        allowed(
            "dynamodb:Scan of every table of the account",
            NAMED,
            "dynamodb:Scan",
            "dynamodb:Scan",
            "arn:aws:dynamodb:us-east-1:123456789012:table/*",
        ),
        allowed(
            "lambda:InvokeFunction on every function of the account",
            NAMED,
            "lambda:InvokeFunction",
            "lambda:InvokeFunction",
            "arn:aws:lambda:*:123456789012:function:*",
        ),
        allowed(
            "sts:AssumeRole on every role of every account",
            NAMED,
            "sts:AssumeRole",
            "sts:AssumeRole",
            "arn:aws:iam::*:role/*",
        ),
        allowed(
            "sqs:SendMessage on one queue and on all queues",
            NAMED,
            "sqs:SendMessage",
            "sqs:SendMessage",
            ["arn:aws:sqs:us-east-1:123456789012:a", "arn:aws:sqs:*:*:*"],
        ),
        Violation(
            "permissions: all actions except some", FULL, "all but", ROLE_POLICY, statements("policy", not_action)
        ),
        Violation(
            "permissions: all S3 actions on all resources except some",
            FULL,
            "s3:*",
            ROLE_POLICY,
            statements("policy", not_resource),
        ),
        *[
            Violation(
                f"permissions: the reader of a Google bucket gets {role}",
                FULL,
                role,
                "gcp:storage/bucketIAMMember:BucketIAMMember",
                put("role", role),
                stack=GOOGLE,
            )
            for role in ("roles/owner", "roles/editor", "roles/storage.admin")
        ],
        Violation(
            "permissions: a member of a Spanner database gets roles/spanner.admin",
            FULL,
            "roles/spanner.admin",
            "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
            put("role", "roles/spanner.admin"),
            stack=GOOGLE,
        ),
    ]


def managed() -> list[Violation]:
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

    def attached(name: str, token: str = attachment, arns: str = "policyArn") -> Violation:
        arn = f"arn:aws:iam::aws:policy/{name}"
        change = add_resource(token, depends="role", role="x", **{arns: [arn] if arns.endswith("s") else arn})
        return Violation(f"AWS managed policy: a {token.split(':')[-1]} attaches {name}", MANAGED, name, ROLE, change)

    return [
        attached("AmazonS3FullAccess"),
        attached("SecretsManagerReadWrite"),
        attached("AdministratorAccess"),
        attached("ReadOnlyAccess"),
        attached("service-role/AWSLambdaVPCAccessExecutionRole"),
        attached("SecurityAudit", "aws:iam/groupPolicyAttachment:GroupPolicyAttachment"),
        attached("PowerUserAccess", "aws:iam/policyAttachment:PolicyAttachment"),
        attached(
            "IAMFullAccess", "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive", "policyArns"
        ),
        Violation(
            "managed policy: a RolePolicyAttachment attaches one of the account's own",
            MANAGED,
            "everything",
            ROLE,
            add_resource(attachment, depends="role", role="x", policyArn="arn:aws:iam::123456789012:policy/everything"),
        ),
    ]


def reads_secret(how: str, role: str, resources: Any, actions: Any = READ) -> Violation:
    return Violation(
        f"secrets: the role {role} may read {how}",
        SECRETS,
        role,
        ROLE_POLICY,
        also_allow("policy", Action=actions, Resource=resources),
        lambda policy: policy.inputs["role"].endswith(role) and policy.name != "origin-ways",
    )


def secrets() -> list[Violation]:
    here = "arn:aws:secretsmanager:us-east-1:123456789012:secret:artifact-edge"
    return [
        reads_secret("all secrets", "shield", "arn:aws:secretsmanager:*:*:secret:*"),
        reads_secret("the secrets of all environments", "shield", "arn:aws:secretsmanager:*:*:secret:artifact-edge/*"),
        reads_secret("all secrets of the environment", "shield", f"{here}/prod/*"),
        reads_secret("the edge's secret", "shield", f"{here}/prod/edge-??????"),
        reads_secret("the certificate authorities' keys", "shield", f"{here}/prod/authority-??????"),
        reads_secret("another environment's secret", "shield", f"{here}/staging/shield-??????"),
        reads_secret("another role's secret", "metadata-api", f"{here}/prod/edge-kv-??????"),
        reads_secret("the operator's token", "entitlements", f"{here}/prod/cloudflare-??????"),
        reads_secret("all secrets whose names begin with a letter", "metadata-api", f"{here}/prod/m*"),
        reads_secret("secrets in batches", "shield", "*", "secretsmanager:BatchGetSecretValue"),
        reads_secret(
            "the edge's secret by the action Get*", "shield", f"{here}/prod/edge-??????", "secretsmanager:Get*"
        ),
        reads_secret(
            "and replace its own secret", "shield", f"{here}/prod/shield-??????", "secretsmanager:PutSecretValue"
        ),
        reads_secret(
            "a parameter of Systems Manager",
            "shield",
            "arn:aws:ssm:us-east-1:123456789012:parameter/x",
            "ssm:GetParameter",
        ),
        reads_secret("and change the edge's secret", "shield", f"{here}/prod/edge-??????", ["secretsmanager:*"]),
        Violation(
            "secrets: a new role may read the edge's secret",
            SECRETS,
            "new-role",
            ROLE,
            _new_role_with(f"{here}/prod/edge-??????"),
        ),
        Violation(
            "secrets: on Google Cloud, the follower's role may read the secret of the metadata API",
            SECRETS,
            "follow",
            ROLE_POLICY,
            also_allow("policy", Action=READ, Resource=f"{here}/prod/metadata-api-??????"),
            lambda policy: policy.inputs["role"].endswith("follow"),
            GOOGLE,
        ),
    ]


def _new_role_with(secret: str) -> Any:
    allowing = document({"Effect": "Allow", "Action": READ, "Resource": secret})

    def change(role: Registered) -> Sequence[Registered]:
        return add_resource(ROLE_POLICY, role="new-role", policy=allowing)(role)

    return change


VIOLATIONS = [*wide(), *managed(), *secrets()]
