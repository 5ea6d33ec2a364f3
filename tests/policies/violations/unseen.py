"""Harmful changes of many kinds. Their author had read the findings of a security review, but not the policies. The
changes therefore show whether the policies detect faults that they were not written for.

Tests make each change, and a policy must report it. When the tests first ran, the policies missed only one change: new
compatibility flags of the edge worker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import also_allow, put, text
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
KEY = "aws:kms/key:Key"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
SCRIPT = "cloudflare:index/workersScript:WorkersScript"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
OBJECTS = "arn:aws:s3:::artifact-edge-prod-example-us-east-1/*"
OWN, OTHER = "123456789012", "210987654321"
OWNERS = "aws-iam-principals-in-own-accounts"
KEPT = "multi-bucket-published-objects-kept"
SLOW = "blobs-ap-southeast-1-breaks"


def named(name: str) -> Callable[[Registered], bool]:
    return lambda resource: resource.name == name


def rule(**more: Any) -> Change:
    """Returns a change that adds a rule to a bucket's lifecycle. `more` holds further properties of the rule."""

    def change(broken: Registered) -> Sequence[Registered]:
        added: dict[str, Any] = {"id": "x", "status": "Enabled", "filter": {}, **more}
        return put("rules", [*broken.inputs["rules"], added])(broken)

    return change


def archived(bucket: Registered) -> Sequence[Registered]:
    to_archive = {"action": {"type": "SetStorageClass", "storageClass": "ARCHIVE"}, "condition": {"age": 0}}
    return put("lifecycleRules", [*bucket.inputs["lifecycleRules"], to_archive])(bucket)


def late(alarm: Registered) -> Sequence[Registered]:
    (changed,) = put("datapointsToAlarm", 288)(alarm)
    return put("evaluationPeriods", 288)(changed)


VIOLATIONS = [
    Violation(
        "bucket: the canonical user of another account may read",
        OWNERS,
        "the canonical user",
        BUCKET_POLICY,
        also_allow("policy", Principal={"CanonicalUser": "79a59df9" * 8}, Action="s3:GetObject", Resource=OBJECTS),
        named("us-east-1"),
    ),
    Violation(
        "key: a federated user of another account may decrypt",
        OWNERS,
        "federated-user/bob, which is not in the accounts",
        KEY,
        also_allow("policy", Principal={"AWS": f"arn:aws:sts::{OTHER}:federated-user/bob"}, Action="kms:Decrypt"),
    ),
    Violation(
        "function: a rule of another account's event bus may invoke the drain",
        OWNERS,
        "rule/x, which is not in the accounts",
        "aws:lambda/permission:Permission",
        put("sourceArn", f"arn:aws:events:us-east-1:{OTHER}:rule/x"),
        named("drain"),
    ),
    Violation(
        "topic: everybody may publish whose account is the own one, or who names none",
        "aws-iam-resource-policies-name-principals",
        "allows sns:Publish to everybody",
        "aws:sns/topicPolicy:TopicPolicy",
        also_allow(
            "policy",
            Principal="*",
            Action="sns:Publish",
            Condition={"StringEqualsIfExists": {"aws:SourceAccount": OWN}},
        ),
    ),
    Violation(
        "bucket: everybody may read from addresses that are not private",
        "multi-bucket-grants-not-public",
        "allows s3:GetObject to everybody",
        BUCKET_POLICY,
        also_allow(
            "policy",
            Principal="*",
            Action="s3:GetObject",
            Resource=OBJECTS,
            Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        ),
        named("us-east-1"),
    ),
    Violation(
        "key: everybody of any organization may decrypt",
        "aws-iam-resource-policies-name-principals",
        "allows kms:Decrypt to everybody",
        KEY,
        also_allow(
            "policy",
            Principal={"AWS": "*"},
            Action="kms:Decrypt",
            Condition={"StringLike": {"aws:PrincipalOrgID": "o-*"}},
        ),
    ),
    Violation(
        "lifecycle: all objects end on a date",
        KEPT,
        "deletes objects on 2027-01-01",
        LIFECYCLE,
        rule(expiration={"date": "2027-01-01T00:00:00Z"}),
        named("us-east-1"),
    ),
    Violation(
        "lifecycle: old versions move to Deep Archive at once",
        KEPT,
        "moves objects to DEEP_ARCHIVE",
        LIFECYCLE,
        rule(noncurrentVersionTransitions=[{"noncurrentDays": 0, "storageClass": "DEEP_ARCHIVE"}]),
        named("us-east-1"),
    ),
    Violation(
        "lifecycle of Cloud Storage: live objects move to the class Archive",
        KEPT,
        "moves objects to ARCHIVE",
        "gcp:storage/bucket:Bucket",
        archived,
        lambda bucket: "logs" not in bucket.inputs["name"],
        GOOGLE,
    ),
    Violation(
        "role: the drain may pass any role of the account",
        "aws-iam-no-privilege-escalation",
        "iam:PassRole is allowed",
        ROLE_POLICY,
        also_allow("policy", Action="iam:PassRole", Resource=f"arn:aws:iam::{OWN}:role/*"),
        named("drain"),
    ),
    Violation(
        "role: shields may decrypt with every key of the account",
        "aws-iam-permissions-name-resources",
        "kms:Decrypt is allowed on everything",
        ROLE_POLICY,
        also_allow("policy", Action="kms:Decrypt", Resource=f"arn:aws:kms:*:{OWN}:key/*"),
        named("shield"),
    ),
    Violation(
        "role: the metadata API may do all but IAM to the metadata table",
        "aws-iam-actions-of-role",
        "may all but some actions",
        ROLE_POLICY,
        also_allow(
            "policy",
            NotAction="iam:*",
            Resource=f"arn:aws:dynamodb:us-east-1:{OWN}:table/artifact-edge-prod-metadata",
        ),
        named("metadata-api"),
    ),
    Violation(
        "key: rotates every seven years",
        "multi-key-rotated",
        "rotation_period_in_days is 2560",
        KEY,
        put("rotationPeriodInDays", 2560),
    ),
    Violation(
        "key: its policy may lock the account out",
        "aws-kms-key-administered-by-account",
        "bypassPolicyLockoutSafetyCheck is true",
        KEY,
        put("bypassPolicyLockoutSafetyCheck", True),
    ),
    Violation(
        "key on Google Cloud: rotates every ten years",
        "multi-key-rotated",
        "rotation_period is 315360000s",
        "gcp:kms/cryptoKey:CryptoKey",
        put("rotationPeriod", "315360000s"),
        stack=GOOGLE,
    ),
    Violation(
        "worker: answers for npm's paths only",
        "cloudflare-workers-hostnames-restricted",
        "it answers for /npm/* only",
        "cloudflare:index/workersRoute:WorkersRoute",
        text("pattern", lambda pattern: f"{pattern.partition('/')[0]}/npm/*"),
        named("edge"),
    ),
    Violation(
        "worker: has compatibility flags that bring old behaviour back",
        "cloudflare-workers-compatibility-flags-reviewed",
        "no_cots_on_external_fetch is not reviewed",
        SCRIPT,
        put("compatibilityFlags", ["global_fetch_strictly_private", "no_cots_on_external_fetch", "unsafe_module"]),
    ),
    Violation(
        "stream: its consumer leaves removals out",
        "aws-dynamodb-table-changes-followed",
        "the filter of entitlements leaves out some kinds of changes",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        put("filterCriteria", {"filters": [{"pattern": '{"eventName":["INSERT"]}'}]}),
    ),
    Violation(
        "function: the follower of revocations may not run",
        "aws-lambda-triggers-enabled",
        "no concurrent execution is allowed",
        "aws:lambda/function:Function",
        put("reservedConcurrentExecutions", 0),
        named("entitlements"),
    ),
    Violation(
        "Spanner: the backup runs once a year",
        "gcp-spanner-database-backed-up",
        "does not run daily",
        "gcp:spanner/backupSchedule:BackupSchedule",
        put("spec", {"cronSpec": {"text": "30 3 1 1 *"}}),
        stack=GOOGLE,
    ),
    Violation(
        "Cloud Run: a service runs as the project's default account, by its name",
        "multi-machine-identity-dedicated",
        "a default service account of the project",
        "gcp:cloudrunv2/service:Service",
        put("template.serviceAccount", "827147669336-compute@developer.gserviceaccount.com"),
        stack=GOOGLE,
    ),
    Violation(
        "role: has a wide policy within itself",
        "multi-iam-no-full-access",
        "allows s3:* on everything",
        "aws:iam/role:Role",
        put(
            "inlinePolicies",
            [
                {
                    "name": "x",
                    "policy": json.dumps(
                        {
                            "Version": "2012-10-17",
                            "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
                        }
                    ),
                }
            ],
        ),
        named("shield"),
    ),
    Violation(
        "replication: a rule covers npm's objects only",
        "multi-bucket-replicated",
        "no rule for all objects replicates",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        put("rules.0.filter", {"prefix": "npm/"}),
    ),
    Violation(
        "alarm: its actions are off",
        "multi-alarm-actions-enabled",
        "its actions are off",
        ALARM,
        put("actionsEnabled", False),
        named(SLOW),
    ),
    Violation(
        "alarm: goes off after a day",
        "multi-alarm-threshold-reachable",
        "it goes off after 86400 seconds",
        ALARM,
        late,
        named(SLOW),
    ),
]
