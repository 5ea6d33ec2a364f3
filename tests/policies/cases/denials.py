"""Test cases for three groups of policies: on IAM deny statements, on the administration of KMS keys, and on S3 object
locks.
"""

from __future__ import annotations

from typing import Any

from pulumi_policy import PolicyResource

from tests.policies.cases.parts import GCS_BUCKET, Case, allow, document
from tests.policies.resources import resource

BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
KEY = "aws:kms/key:Key"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
CONDITIONAL, ADMINISTERED = "aws-iam-denials-conditional", "aws-kms-key-administered-by-account"
LOCKS = "multi-bucket-locks-limited"
PLAIN_TEXT = {"Bool": {"aws:SecureTransport": "false"}}
SHIELD = {"AWS": "arn:aws:iam::123456789012:role/shield"}


def denying(token: str = BUCKET_POLICY, **statement: Any) -> PolicyResource:
    return resource(token, {"policy": document({"Effect": "Deny", "Action": "s3:GetObject", **statement})})


def key(principal: Any, action: Any) -> PolicyResource:
    return resource(KEY, {"policy": document(allow(principal, action))})


def lock(**retention: Any) -> PolicyResource:
    return resource(LOCK, {"rule": {"defaultRetention": retention}})


CASES = [
    Case(CONDITIONAL, [denying(Principal="*")], "refuses s3:GetObject to everybody"),
    Case(CONDITIONAL, [denying(Principal={"AWS": ["*"]})], "refuses s3:GetObject to everybody"),
    Case(CONDITIONAL, [denying(NotPrincipal=SHIELD)], "refuses s3:GetObject to everybody"),
    Case(CONDITIONAL, [denying(ENDPOINT, Principal="*")], "refuses s3:GetObject to everybody"),
    Case(
        CONDITIONAL,
        [
            denying(Principal="*", Condition=PLAIN_TEXT),
            denying(Principal=SHIELD),
            resource(ENDPOINT, {}),
            resource(KEY, {"policy": document(allow({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*"))}),
        ],
    ),
    Case(ADMINISTERED, [key(SHIELD, "kms:*")], "role/shield may kms:*"),
    Case(ADMINISTERED, [key(SHIELD, ["kms:Decrypt", "kms:PutKeyPolicy"])], "role/shield may kms:PutKeyPolicy"),
    Case(ADMINISTERED, [key({"Service": "s3.amazonaws.com"}, "kms:Schedule*")], "s3.amazonaws.com may kms:Schedule*"),
    Case(ADMINISTERED, [resource(KEY, {"bypassPolicyLockoutSafetyCheck": True})], "can lock the account out"),
    Case(ADMINISTERED, [key({"AWS": "arn:aws:iam::123456789012:root"}, "kms:*"), key(SHIELD, "kms:Decrypt")]),
    Case(ADMINISTERED, [key(SHIELD, "kms:*")], config={"administrators": [SHIELD["AWS"]]}),
    Case(LOCKS, [lock(mode="COMPLIANCE", days=30)], "nobody can end a lock with the mode COMPLIANCE"),
    Case(LOCKS, [lock(mode="GOVERNANCE", years=2)], "objects are locked for 730 days, longer than 365"),
    Case(LOCKS, [resource(GCS_BUCKET, {"defaultEventBasedHold": True})], "every object is held"),
    Case(
        LOCKS,
        [resource(GCS_BUCKET, {"retentionPolicy": {"isLocked": True, "retentionPeriod": "86400"}})],
        "nobody can end its retention policy",
    ),
    Case(
        LOCKS,
        [resource(GCS_BUCKET, {"retentionPolicy": {"retentionPeriod": "63072000"}})],
        "objects are locked for 730 days",
    ),
    Case(LOCKS, [lock(mode="GOVERNANCE", days=30), resource(LOCK, {}), resource(GCS_BUCKET, {})]),
]
