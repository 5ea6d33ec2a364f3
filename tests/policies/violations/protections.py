"""Harmful changes to a stack. Some remove the protection of keys and databases. Others add resource types that the
project has not reviewed. Tests make each change, and a policy must report it.
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
        Violation(
            "KMS key: the key of the objects is not protected", PROTECTED, "protected", KEY, unprotected, _of_data
        ),
        Violation("KMS replica key: it is not protected", PROTECTED, "protected", REPLICA, unprotected),
        Violation("Google key: it is not protected", PROTECTED, "protected", GOOGLE_KEY, unprotected, stack=GOOGLE),
        Violation(
            "KMS key: the key of the objects is disabled",
            "multi-key-enabled",
            "disabled",
            KEY,
            put("isEnabled", False),
            _of_data,
        ),
        Violation("KMS replica key: it is disabled", "multi-key-enabled", "disabled", REPLICA, put("enabled", False)),
        Violation(
            "Google key: a version is disabled",
            "multi-key-enabled",
            "DISABLED",
            GOOGLE_KEY,
            add_resource(
                "gcp:kms/cryptoKeyVersion:CryptoKeyVersion", depends="cryptoKey", cryptoKey="x", state="DISABLED"
            ),
            stack=GOOGLE,
        ),
        Violation(
            "KMS key: a deleted key is destroyed after a week",
            "aws-kms-key-deletion-delayed",
            "7 days",
            KEY,
            put("deletionWindowInDays", 7),
            _of_data,
        ),
        *[
            Violation(
                f"Google key: a deleted version is destroyed after {seconds}",
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
        Violation("Spanner database: it has no backups", BACKED_UP, "no backup", BACKUPS, remove, stack=GOOGLE),
        *[
            Violation(
                f"Spanner database: backups are kept for {how}",
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
                f"Spanner database: backups are made {how}",
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
            "Spanner database: the backups are those of another database",
            BACKED_UP,
            "no backup",
            BACKUPS,
            _of_another,
            stack=GOOGLE,
        ),
        Violation(
            "Spanner database: old versions of rows are kept for a day only",
            recoverable,
            "day",
            DATABASE,
            put("versionRetentionPeriod", "1d"),
            stack=GOOGLE,
        ),
        Violation(
            "table: past states can be restored for a day only",
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
    """Returns changes that store a secret in an SSM parameter. A policy must refuse these changes. More roles can read
    SSM parameters than secrets in Secrets Manager.
    """
    policy, parameter = "aws-ssm-parameter-no-secret", "aws:ssm/parameter:Parameter"
    added = add_resource(parameter, value="hunter2")
    return [
        Violation("SSM parameter: an added parameter holds a password", policy, "value", BUCKET, added),
        Violation(
            "SSM parameter: an existing parameter holds a password", policy, "value", parameter, put("value", "hunter2")
        ),
        Violation(
            "SSM parameter: its type is SecureString", policy, "SecureString", parameter, put("type", "SecureString")
        ),
    ]


def unreviewed() -> list[Violation]:
    """Returns violations that add a resource of a type that policies/rules/reviewed_types.py does not list. The policy
    must report such a type even if its resources are free of charge. No other policy knows what these resources can do.
    """

    def added(how: str, token: str, of: str = BUCKET, stack: int = 0, **props: Any) -> Violation:
        return Violation(
            f"a type that nobody has reviewed: {how}", REVIEWED, token, of, add_resource(token, **props), stack=stack
        )

    return [
        added("an access list that makes a bucket public", "aws:s3/bucketAcl:BucketAcl", acl="public-read"),
        added("an access point of a bucket", "aws:s3/accessPoint:AccessPoint", bucket="x"),
        added(
            "a grant on a KMS key for another account",
            "aws:kms/grant:Grant",
            granteePrincipal="arn:aws:iam::999999999999:root",
        ),
        added("an attachment of an IAM policy", "aws:iam/policyAttachment:PolicyAttachment", policyArn="x"),
        added("an inventory of a bucket", "aws:s3/inventory:Inventory", bucket="x"),
        added("a website of a bucket", "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration", bucket="x"),
        added(
            "an archive tier of a bucket",
            "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration",
        ),
        added("a peering with another VPC", "aws:ec2/vpcPeeringConnection:VpcPeeringConnection", vpcId="x"),
        added("an IAM user", "aws:iam/user:User", name="x"),
        added(
            "a request for a spot machine", "aws:ec2/spotInstanceRequest:SpotInstanceRequest", instanceType="i4i.large"
        ),
        added("an Auto Scaling group", "aws:autoscaling/group:Group", minSize=0, maxSize=0),
        added("a page rule of Cloudflare", "cloudflare:index/pageRule:PageRule", target="*"),
        added("a type of another provider", "azure-native:storage:StorageAccount", accountName="x"),
        added("a command on the machine that runs Pulumi", "command:local:Command", create="true"),
        added(
            "the IAM policy of the whole Google project",
            "gcp:projects/iAMPolicy:IAMPolicy",
            GCS_BUCKET,
            GOOGLE,
            policyData="{}",
        ),
        added(
            "a role of everybody in the Google project",
            "gcp:projects/iAMBinding:IAMBinding",
            GCS_BUCKET,
            GOOGLE,
            members=["allUsers"],
        ),
        added(
            "an access list that makes a Google bucket public",
            "gcp:storage/bucketACL:BucketACL",
            GCS_BUCKET,
            GOOGLE,
            predefinedAcl="publicRead",
        ),
        added(
            "a default access list of a Google bucket",
            "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
            GCS_BUCKET,
            GOOGLE,
            entity="allUsers",
        ),
        added(
            "a role of everybody on a Pub/Sub subscription",
            "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
            GCS_BUCKET,
            GOOGLE,
            member="allUsers",
        ),
        added(
            "a role of everybody on a Cloud Run service",
            "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
            GCS_BUCKET,
            GOOGLE,
            members=["allUsers"],
        ),
    ]


VIOLATIONS = [*keys(), *databases(), *parameters(), *unreviewed()]
