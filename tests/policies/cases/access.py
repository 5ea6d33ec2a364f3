"""Test cases for the policies on access to objects and secrets."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import BUCKET, GCS_BUCKET, PRIMARY, Case, allow, bucket_setting, document
from tests.policies.resources import resource

ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:artifact-edge/unit"
READ = "secretsmanager:GetSecretValue"


def role_policy(role: str, action: Any, target: Any = "arn:aws:s3:::b/*") -> PolicyResource:
    return resource(ROLE_POLICY, {"role": role, "policy": document(allow(action=action, target=target))})


def grant(role: str, bucket: str = "objects") -> PolicyResource:
    return resource(MEMBER, {"role": role, "member": "serviceAccount:x@y", "bucket": bucket})


LOG_WRITER = allow({"Service": "logging.s3.amazonaws.com"}, "s3:PutObject")
SHIELD = {"AWS": "arn:aws:iam::1:role/edge-unit-shield"}
SHIPPED = {"Resource": "arn:aws:s3:::logs/shields/*"}
LOG_SHIPPER = {**allow(SHIELD, "s3:PutObject"), **SHIPPED}
LOGS = resource(BUCKET, {"bucket": "logs"}, "logs")
LOGGED = bucket_setting(PRIMARY, "BucketLogging", {"targetBucket": "logs"})

CASES = [
    *[
        Case("multi-bucket-writers-restricted", [broken], says)
        for broken, says in (
            (role_policy("edge-unit-shield", "s3:PutObject"), "edge-unit-shield may s3:PutObject"),
            (role_policy("edge-unit-shield", "S3:Delete*"), "edge-unit-shield may S3:Delete*"),
            (role_policy("edge-unit-drain", "s3:BypassGovernanceRetention"), "which changes retention"),
            (bucket_setting(PRIMARY, "BucketPolicy", {"policy": document(LOG_WRITER)}), "logging.s3.amazonaws.com may"),
            (
                bucket_setting(
                    PRIMARY, "BucketPolicy", {"policy": document(allow({"AWS": "arn:aws:iam::1:root"}, "s3:*"))}
                ),
                "arn:aws:iam::1:root may s3:*",
            ),
            (grant("roles/storage.objectUser"), "serviceAccount:x@y has roles/storage.objectUser"),
        )
    ],
    *[
        Case(
            "multi-bucket-writers-restricted",
            [PRIMARY, LOGS, LOGGED, bucket_setting(bucket, "BucketPolicy", {"policy": document(broken)})],
            says,
        )
        for bucket, broken, says in (
            (PRIMARY, LOG_SHIPPER, "role/edge-unit-shield may s3:PutObject"),
            (LOGS, {**LOG_SHIPPER, "Resource": "arn:aws:s3:::logs/*"}, "role/edge-unit-shield may s3:PutObject"),
            (LOGS, {**LOG_SHIPPER, "Action": ["s3:PutObject", "s3:DeleteObject"]}, "may s3:PutObject, s3:DeleteObject"),
            (LOGS, {**allow({"AWS": "arn:aws:iam::1:role/edge-unit-pop"}, "s3:PutObject"), **SHIPPED}, "unit-pop may"),
        )
    ],
    Case(
        "multi-bucket-writers-restricted",
        [resource(ROLE_POLICY, {"role": "r", "policy": document({"Effect": "Allow", "NotAction": "iam:*"})})],
        "r may do all but some actions",
    ),
    Case(
        "multi-bucket-writers-restricted",
        [
            PRIMARY,
            LOGS,
            LOGGED,
            role_policy("edge-unit-drain", ["s3:PutObject", "s3:DeleteObject"]),
            role_policy("edge-unit-shield", ["s3:GetObject*", "s3:ListBucket", "kms:Decrypt"]),
            bucket_setting(LOGS, "BucketPolicy", {"policy": document(LOG_WRITER, LOG_SHIPPER)}),
            bucket_setting(
                PRIMARY, "BucketPolicy", {"policy": document(allow({"AWS": "arn:aws:iam::1:role/x-replication"}))}
            ),
            grant("roles/storage.objectViewer"),
            resource(GCS_BUCKET, {"name": "objects", "logging": {"logBucket": "logs"}}),
            resource(GCS_BUCKET, {"name": "logs"}, "gcs-logs"),
            grant("roles/storage.objectCreator", "logs"),
        ],
    ),
    *[
        Case("aws-secretsmanager-readers-own-secrets", [role_policy("x-unit-shield", action, target)], says)
        for action, target, says in (
            (READ, f"{SECRET}/edge-??????", "reads arn:aws:secretsmanager:us-east-1:123456789012:secret:artifact-edge"),
            (READ, f"{SECRET}/*", "its own are shield"),
            (READ, f"{SECRET.replace('/unit', '/prod')}/shield-??????", "its own are shield"),
            ("secretsmanager:*", f"{SECRET}/shield-??????", "x-unit-shield may secretsmanager:*"),
            ("ssm:Get*", "*", "x-unit-shield may ssm:Get*"),
        )
    ],
    Case("aws-secretsmanager-readers-own-secrets", [role_policy("x-unit-new", READ, "*")], "its own are none"),
    Case(
        "aws-secretsmanager-readers-own-secrets",
        [
            role_policy("x-unit-shield", [READ, "secretsmanager:DescribeSecret"], f"{SECRET}/shield-??????"),
            role_policy("x-unit-drain", READ, [f"{SECRET}/edge-kv-??????", f"{SECRET}/purge-signing-??????"]),
            role_policy("x-unit-drain", "s3:GetObject"),
        ],
    ),
]
