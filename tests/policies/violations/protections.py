"""Harmful changes to a stack that remove the protection of keys and databases, or add resource types that the project
has not reviewed. Tests make each change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.policies.mutations.changes import add_resource, put, remove, unprotected
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
GOOGLE_KEY = "gcp:kms/cryptoKey:CryptoKey"
BACKUPS = "gcp:spanner/backupSchedule:BackupSchedule"
DATABASE = "gcp:spanner/database:Database"
TABLE = "aws:dynamodb/table:Table"
BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
PROTECTED = "multi-data-protected-from-replacement"
BACKED_UP = "gcp-spanner-database-backed-up"
REVIEWED = "stack-resource-types-reviewed"


def keys() -> list[Violation]:
    delayed = "gcp-kms-key-destruction-delayed"
    return [
        Violation("key: the data's key is unprotected", PROTECTED, "protected", KEY, unprotected, _of_data),
        Violation("key: a replica key is unprotected", PROTECTED, "protected", REPLICA, unprotected),
        Violation("key: Google's key is unprotected", PROTECTED, "protected", GOOGLE_KEY, unprotected, stack=GOOGLE),
        Violation(
            "key: the data's key is disabled", "multi-key-enabled", "disabled", KEY, put("isEnabled", False), _of_data
        ),
        Violation("key: a replica key is disabled", "multi-key-enabled", "disabled", REPLICA, put("enabled", False)),
        Violation(
            "key: a version of Google's key is disabled",
            "multi-key-enabled",
            "DISABLED",
            GOOGLE_KEY,
            add_resource(
                "gcp:kms/cryptoKeyVersion:CryptoKeyVersion", depends="cryptoKey", cryptoKey="x", state="DISABLED"
            ),
            stack=GOOGLE,
        ),
        Violation(
            "key: the data's key is destroyed after a week",
            "aws-kms-key-deletion-delayed",
            "7 days",
            KEY,
            put("deletionWindowInDays", 7),
            _of_data,
        ),
        *[
            Violation(
                f"key: Google's key is destroyed after {seconds}",
                delayed,
                "days",
                GOOGLE_KEY,
                put("destroyScheduledDuration", seconds),
                stack=GOOGLE,
            )
            for seconds in ("86400s", "604800s")
        ],
    ]


def _of_data(key: Registered) -> bool:
    return bool(key.inputs.get("multiRegion"))


def databases() -> list[Violation]:
    recoverable = "multi-database-point-in-time-recovery-enabled"
    return [
        Violation("database: no backups", BACKED_UP, "no backup", BACKUPS, remove, stack=GOOGLE),
        *[
            Violation(
                f"database: backups are kept for {how}",
                BACKED_UP,
                "days",
                BACKUPS,
                put("retentionDuration", how),
                stack=GOOGLE,
            )
            for how in ("86400s", "604800s")
        ],
        *[
            Violation(
                f"database: backups are made {how}",
                BACKED_UP,
                text,
                BACKUPS,
                put("spec.cronSpec.text", text),
                stack=GOOGLE,
            )
            for how, text in (
                ("once a year", "30 3 1 1 *"),
                ("once a month", "30 3 1 * *"),
                ("once a week", "0 3 * * 0"),
            )
        ],
        Violation(
            "database: the backups are those of another", BACKED_UP, "no backup", BACKUPS, _of_another, stack=GOOGLE
        ),
        Violation(
            "database: versions are kept for a day",
            recoverable,
            "day",
            DATABASE,
            put("versionRetentionPeriod", "1d"),
            stack=GOOGLE,
        ),
        Violation(
            "database: the table is restored to the last day only",
            recoverable,
            "day",
            TABLE,
            put("pointInTimeRecovery.recoveryPeriodInDays", 1),
        ),
    ]


def _of_another(schedule: Registered) -> Sequence[Registered]:
    kept = {name: on for name, on in schedule.dependencies.items() if name != "database"}
    return [replace(schedule, inputs={**schedule.inputs, "database": "another"}, dependencies=kept)]


def parameters() -> list[Violation]:
    """Returns violations that store a secret in an SSM parameter. More roles can read parameters than secrets."""
    policy, parameter = "aws-ssm-parameter-no-secret", "aws:ssm/parameter:Parameter"
    added = add_resource(parameter, value="hunter2")
    return [
        Violation("parameter: another one holds a password", policy, "value", BUCKET, added),
        Violation("parameter: it holds a password", policy, "value", parameter, put("value", "hunter2")),
        Violation("parameter: it is a secret string", policy, "SecureString", parameter, put("type", "SecureString")),
    ]


def unreviewed() -> list[Violation]:
    """Returns violations that add a resource of a type that policies/rules/reviewed_types.py does not list. Several of
    these types cost nothing.
    """

    def added(how: str, token: str, of: str = BUCKET, stack: int = 0, **props: Any) -> Violation:
        return Violation(f"unreviewed: {how}", REVIEWED, token, of, add_resource(token, **props), stack=stack)

    return [
        added("a public access list", "aws:s3/bucketAcl:BucketAcl", acl="public-read"),
        added("a public access point", "aws:s3/accessPoint:AccessPoint", bucket="x"),
        added("a grant on a key", "aws:kms/grant:Grant", granteePrincipal="arn:aws:iam::999999999999:root"),
        added("an attachment of a policy", "aws:iam/policyAttachment:PolicyAttachment", policyArn="x"),
        added("an inventory sent elsewhere", "aws:s3/inventory:Inventory", bucket="x"),
        added("a website", "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration", bucket="x"),
        added("an archive tier", "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration"),
        added("a peering of networks", "aws:ec2/vpcPeeringConnection:VpcPeeringConnection", vpcId="x"),
        added("a user", "aws:iam/user:User", name="x"),
        added("a spot machine", "aws:ec2/spotInstanceRequest:SpotInstanceRequest", instanceType="i4i.large"),
        added("a group of machines", "aws:autoscaling/group:Group", minSize=0, maxSize=0),
        added("a page rule", "cloudflare:index/pageRule:PageRule", target="*"),
        added("a type of another provider", "azure-native:storage:StorageAccount", accountName="x"),
        added("a command on the deploying machine", "command:local:Command", create="true"),
        added("the project's policy", "gcp:projects/iAMPolicy:IAMPolicy", GCS_BUCKET, GOOGLE, policyData="{}"),
        added("a right in the project", "gcp:projects/iAMBinding:IAMBinding", GCS_BUCKET, GOOGLE, members=["allUsers"]),
        added(
            "a bucket's access list", "gcp:storage/bucketACL:BucketACL", GCS_BUCKET, GOOGLE, predefinedAcl="publicRead"
        ),
        added(
            "a default access list",
            "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
            GCS_BUCKET,
            GOOGLE,
            entity="allUsers",
        ),
        added(
            "who may pull messages",
            "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
            GCS_BUCKET,
            GOOGLE,
            member="allUsers",
        ),
        added(
            "who may call the follower",
            "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
            GCS_BUCKET,
            GOOGLE,
            members=["allUsers"],
        ),
    ]


VIOLATIONS = [*keys(), *databases(), *parameters(), *unreviewed()]
