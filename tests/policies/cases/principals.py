"""Test cases for the policies on the principals of IAM documents."""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import BUCKET, ROLE, Case, Props, allow, document
from tests.policies.resources import resource

KEY = "aws:kms/key:Key"
SECRET = "aws:secretsmanager/secret:Secret"
PERMISSION = "aws:lambda/permission:Permission"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
MEMBER = "gcp:storage/bucketIAMMember:BucketIAMMember"
OWN, OTHER = "arn:aws:iam::111122223333:root", "arn:aws:iam::999999999999:root"
ACCOUNTS = {"accounts": ["111122223333"]}
PROJECTS = {"projects": ["ours"]}
GOOGLE = "accounts.google.com"


def policy(principal: Any, token: str = KEY, **more: Any) -> PolicyResource:
    return resource(token, {"policy": document(allow(principal, "kms:Decrypt", "*", **more))})


def trusting(statement: Props) -> PolicyResource:
    return resource(ROLE, {"assumeRolePolicy": document({"Effect": "Allow", **statement})})


def subject(number: str) -> PolicyResource:
    condition = {"StringEquals": {f"{GOOGLE}:sub": [number]}}
    return trusting({"Principal": {"Federated": GOOGLE}, "Action": "sts:*", "Condition": condition})


CASES = [
    *[
        Case("aws-iam-principals-in-own-accounts", [broken], says, ACCOUNTS)
        for broken, says in (
            (policy({"AWS": OTHER}), f"lets in {OTHER}, which is not in the accounts 111122223333"),
            (policy({"AWS": [OWN, "999999999999"]}, BUCKET), "lets in 999999999999"),
            (policy({"AWS": "AIDAJQABLZS4A3QDU576Q"}, SECRET), "lets in AIDAJQABLZS4A3QDU576Q"),
            (policy("*", Condition={"StringLike": {"aws:PrincipalArn": OTHER}}), f"lets in {OTHER}"),
            (policy("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), "lets in o-a1b2c3d4e5"),
            (trusting({"Principal": {"AWS": OTHER}, "Action": "sts:AssumeRole"}), f"lets in {OTHER}"),
            (resource(PERMISSION, {"principal": "999999999999", "action": "lambda:*"}), "lets in 999999999999"),
            (
                resource(
                    PERMISSION,
                    {"principal": "events.amazonaws.com", "sourceArn": "arn:aws:events:eu-west-1:999999999999:rule/x"},
                ),
                "lets in arn:aws:events:eu-west-1:999999999999:rule/x",
            ),
            (
                resource(REPLICATION, {"rules": [{"id": "a", "destination": {"account": "999999999999"}}]}),
                "hands the objects over to the account 999999999999",
            ),
        )
    ],
    Case("aws-iam-principals-in-own-accounts", [policy({"AWS": OWN})], "(none is configured)"),
    Case(
        "aws-iam-principals-in-own-accounts",
        [
            policy({"AWS": OWN}),
            policy({"AWS": "111122223333"}),
            policy("*", Condition={"StringEquals": {"kms:CallerAccount": "111122223333"}}),
            policy("*", Condition={"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-1/*"}}),
            policy({"Service": "s3.amazonaws.com"}, Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b"}}),
            resource(KEY, {"policy": document({"Effect": "Deny", "Principal": {"AWS": OTHER}, "Action": "*"})}),
            trusting({"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
            resource(PERMISSION, {"principal": "*", "functionUrlAuthType": "NONE"}),
            resource(REPLICATION, {"rules": [{"destination": {"bucket": "arn:aws:s3:::b"}}]}),
        ],
        config={**ACCOUNTS, "organizations": ["o-a1b2c3d4e5"]},
    ),
    Case(
        "aws-iam-google-subjects-of-stack",
        [resource("gcp:serviceaccount/account:Account", {"uniqueId": "1"}), subject("2")],
        "2 is no service account of the stack",
    ),
    Case(
        "aws-iam-google-subjects-of-stack",
        [resource("gcp:serviceaccount/account:Account", {"uniqueId": "1"}), subject("1")],
    ),
    *[
        Case(
            "aws-iam-service-principals-bound",
            [policy({"Service": "sns.amazonaws.com"}, Condition=condition)],
            "lets sns.amazonaws.com act for any account",
        )
        for condition in ({}, {"StringLike": {"aws:SourceAccount": "*"}}, {"Null": {"aws:SourceArn": "false"}})
    ],
    Case(
        "aws-iam-service-principals-bound",
        [
            policy({"Service": "s3.amazonaws.com"}, Condition={"StringEquals": {"aws:SourceAccount": "111122223333"}}),
            policy({"AWS": OWN}),
        ],
    ),
    *[
        Case(
            "gcp-iam-members-in-own-projects",
            [resource(MEMBER, {"role": "roles/storage.objectViewer", "member": member})],
            f"roles/storage.objectViewer is granted to {member}",
            PROJECTS,
        )
        for member in ("serviceAccount:x@theirs.iam.gserviceaccount.com", "user:x@example.com", "projectViewer:ours")
    ],
    Case(
        "gcp-iam-members-in-own-projects",
        [
            resource(MEMBER, {"member": "serviceAccount:x@ours.iam.gserviceaccount.com"}),
            resource(MEMBER, {"member": "group:cloud-storage-analytics@google.com"}),
            resource(MEMBER, {"member": "group:operators@example.com"}),
        ],
        config={**PROJECTS, "members": ["group:*@google.com", "group:operators@example.com"]},
    ),
]
