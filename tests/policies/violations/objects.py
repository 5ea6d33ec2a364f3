"""Harmful changes to a stack's stored objects. Some changes to bucket lifecycles or replication lose published objects.
Other changes set a policy or an access list in a property of a bucket, queue, topic, secret or role. Tests make each
change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.policies.mutations.changes import add_resource, put, without
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
GCS_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
KEPT = "multi-bucket-published-objects-kept"
OLD = "multi-bucket-old-versions-kept-and-expired"


def published(resource: Registered) -> bool:
    return not resource.name.endswith("-logs")


def added_rule(how: str, policy: str, says: str, **rule: Any) -> Violation:
    def change(lifecycle: Registered) -> Sequence[Registered]:
        lifecycle.inputs["rules"].append({"id": "added", "status": "Enabled", "filter": {}, **rule})
        return [lifecycle]

    return Violation(f"lifecycle: {how}", policy, says, LIFECYCLE, change, published)


def added_google_rule(how: str, policy: str, says: str, action: dict[str, Any], **condition: Any) -> Violation:
    def change(bucket: Registered) -> Sequence[Registered]:
        bucket.inputs["lifecycleRules"].append({"action": action, "condition": condition})
        return [bucket]

    return Violation(f"lifecycle on Google Cloud: {how}", policy, says, GCS_BUCKET, change, published, GOOGLE)


def lifecycles() -> list[Violation]:
    delete = {"type": "Delete"}

    def archive(storage_class: str) -> dict[str, Any]:
        return {"type": "SetStorageClass", "storageClass": storage_class}

    return [
        added_rule("objects are deleted after 30 days", KEPT, "30 days", expiration={"days": 30}),
        added_rule("objects are deleted after ten years", KEPT, "3650 days", expiration={"days": 3650}),
        added_rule("objects are deleted on a date", KEPT, "2027-01-01", expiration={"date": "2027-01-01T00:00:00Z"}),
        added_rule(
            "objects with a prefix are deleted", KEPT, "30 days", filter={"prefix": "npm/"}, expiration={"days": 30}
        ),
        added_rule(
            "large objects are deleted",
            KEPT,
            "90 days",
            filter={"objectSizeGreaterThan": 1 << 30},
            expiration={"days": 90},
        ),
        added_rule(
            "objects with a tag are deleted",
            KEPT,
            "1 days",
            filter={"and": {"prefix": "oci/", "tags": {"old": "yes"}}},
            expiration={"days": 1},
        ),
        *[
            added_rule(
                f"objects move to the storage class {storage_class}",
                KEPT,
                storage_class,
                transitions=[{"days": days, "storageClass": storage_class}],
            )
            for storage_class, days in (("GLACIER", 0), ("DEEP_ARCHIVE", 180), ("ONEZONE_IA", 30))
        ],
        added_rule(
            "objects move to the storage class GLACIER on a date",
            KEPT,
            "GLACIER",
            transitions=[{"date": "2027-01-01T00:00:00Z", "storageClass": "GLACIER"}],
        ),
        added_rule(
            "old versions move to the storage class DEEP_ARCHIVE",
            KEPT,
            "DEEP_ARCHIVE",
            noncurrentVersionTransitions=[{"noncurrentDays": 0, "storageClass": "DEEP_ARCHIVE"}],
        ),
        added_rule(
            "old versions of objects with a prefix are deleted after a day",
            OLD,
            "1 days",
            filter={"prefix": "pypi/"},
            noncurrentVersionExpiration={"noncurrentDays": 1},
        ),
        added_rule(
            "old versions of large objects are deleted after a day",
            OLD,
            "1 days",
            filter={"objectSizeGreaterThan": 1},
            noncurrentVersionExpiration={"noncurrentDays": 1, "newerNoncurrentVersions": 1},
        ),
        Violation(
            "lifecycle: a rule in the bucket's own property deletes objects after 30 days",
            KEPT,
            "30 days",
            BUCKET,
            put("lifecycleRules", [{"enabled": True, "expiration": {"days": 30}}]),
        ),
        Violation(
            "lifecycle: old versions are deleted after three days",
            OLD,
            "3 days",
            LIFECYCLE,
            put("rules.1.noncurrentVersionExpiration.noncurrentDays", 3),
            published,
        ),
        added_google_rule("objects are deleted after 30 days", KEPT, "Delete", delete, age=30),
        added_google_rule(
            "objects are deleted if they were created before a date", KEPT, "Delete", delete, createdBefore="2027-01-01"
        ),
        added_google_rule(
            "objects with a prefix are deleted", KEPT, "Delete", delete, age=3650, matchesPrefixes=["npm/"]
        ),
        added_google_rule("objects with a suffix are deleted", KEPT, "Delete", delete, age=1, matchesSuffixes=[".tgz"]),
        added_google_rule(
            "objects are deleted a day after the custom time in their metadata",
            KEPT,
            "Delete",
            delete,
            daysSinceCustomTime=1,
        ),
        added_google_rule(
            "current versions are deleted after ten days", KEPT, "Delete", delete, withState="LIVE", age=10
        ),
        added_google_rule(
            "all versions but the newest are deleted at once", KEPT, "Delete", delete, numNewerVersions=1
        ),
        added_google_rule(
            "old versions are deleted a day after their creation", KEPT, "Delete", delete, withState="ARCHIVED", age=1
        ),
        added_google_rule("old versions are deleted after a day", OLD, "1 days", delete, daysSinceNoncurrentTime=1),
        added_google_rule(
            "objects move to the storage class ARCHIVE at once", KEPT, "ARCHIVE", archive("ARCHIVE"), age=0
        ),
        added_google_rule("objects move to the storage class COLDLINE", KEPT, "COLDLINE", archive("COLDLINE"), age=30),
        Violation(
            "lifecycle on Google Cloud: new objects have the storage class ARCHIVE",
            KEPT,
            "ARCHIVE",
            GCS_BUCKET,
            put("storageClass", "ARCHIVE"),
            published,
            GOOGLE,
        ),
        Violation(
            "lifecycle on Google Cloud: Autoclass moves objects to the storage class ARCHIVE",
            KEPT,
            "ARCHIVE",
            GCS_BUCKET,
            put("autoclass", {"enabled": True, "terminalStorageClass": "ARCHIVE"}),
            published,
            GOOGLE,
        ),
    ]


def exempted_as_logs(lifecycle: Registered) -> Sequence[Registered]:
    """Disguises the bucket of published objects as a log bucket: adds a rule that deletes its objects after 30 days,
    and makes another bucket write its access logs to it. The policy must still report the deletion of objects.
    """
    lifecycle.inputs["rules"].append({"id": "a", "status": "Enabled", "filter": {}, "expiration": {"days": 30}})
    bucket = next(urn for urn in lifecycle.dependencies["bucket"])
    urn = lifecycle.urn.replace(f"{lifecycle.type}::{lifecycle.name}", "aws:s3/bucketLogging:BucketLogging::added")
    props = {"bucket": "artifact-edge-prod-example-logs-us-east-1", "targetBucket": lifecycle.inputs["bucket"]}
    logging = Registered(
        "aws:s3/bucketLogging:BucketLogging",
        "added",
        props,
        {},
        frozenset(),
        False,
        urn,
        "",
        {"targetBucket": [bucket]},
    )
    return [lifecycle, logging]


def replications() -> list[Violation]:
    whole, inside = "multi-bucket-replicated", "aws-s3-replication-stays-in-stack"
    timed = "aws-s3-replication-timed-and-complete"
    return [
        *[
            Violation(
                f"replication: the rule number {number} is missing",
                whole,
                "no rule",
                REPLICATION,
                without(f"rules.{number}"),
            )
            for number in (0, 1)
        ],
        Violation("replication: a rule is disabled", whole, "no rule", REPLICATION, put("rules.1.status", "Disabled")),
        Violation(
            "replication: a rule copies only objects with a prefix",
            whole,
            "no rule",
            REPLICATION,
            put("rules.0.filter", {"prefix": "npm/"}),
        ),
        Violation(
            "replication: a rule copies only objects with a tag",
            whole,
            "no rule",
            REPLICATION,
            put("rules.0.filter", {"tag": {"key": "copy", "value": "yes"}}),
        ),
        Violation(
            "replication: two rules copy to the same bucket",
            whole,
            "no rule",
            REPLICATION,
            put("rules.1.destination.bucket", "arn:aws:s3:::artifact-edge-prod-example-eu-west-1"),
        ),
        Violation(
            "replication: a rule copies to a bucket outside the stack",
            inside,
            "somebody-elses",
            REPLICATION,
            put("rules.0.destination.bucket", "arn:aws:s3:::somebody-elses"),
        ),
        Violation(
            "replication: a rule leaves out encrypted objects",
            timed,
            "encrypted",
            REPLICATION,
            without("rules.0.sourceSelectionCriteria"),
        ),
        Violation(
            "replication: replicas have the storage class GLACIER",
            timed,
            "GLACIER",
            REPLICATION,
            put("rules.0.destination.storageClass", "GLACIER"),
        ),
        Violation(
            "lifecycle: objects are deleted in a bucket to which another bucket writes access logs",
            KEPT,
            "30 days",
            LIFECYCLE,
            exempted_as_logs,
            lambda lifecycle: lifecycle.name == "us-east-1",
        ),
    ]


def inline() -> list[Violation]:
    open_to_all = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]}'
    named = "aws-iam-resource-policies-name-principals"
    secret = "aws:secretsmanager/secret:Secret"
    return [
        Violation(
            "own property: the bucket's policy lets everybody read",
            "multi-bucket-grants-not-public",
            "everybody",
            BUCKET,
            put("policy", open_to_all),
        ),
        Violation(
            "own property: the bucket's policy lets another account read",
            "aws-iam-principals-in-own-accounts",
            "999999999999",
            BUCKET,
            put("policy", open_to_all.replace('"*"', '{"AWS": "999999999999"}', 1)),
        ),
        *[
            Violation(
                f"own property: the bucket's access list is {acl}",
                "aws-s3-bucket-acls-disabled",
                acl,
                BUCKET,
                put("acl", acl),
            )
            for acl in ("public-read", "public-read-write", "authenticated-read", "aws-exec-read")
        ],
        Violation(
            "own property: the bucket's access list lets all users read",
            "aws-s3-bucket-acls-disabled",
            "grant",
            BUCKET,
            put(
                "grants",
                [{"type": "Group", "uri": "http://acs.amazonaws.com/groups/global/AllUsers", "permissions": ["READ"]}],
            ),
        ),
        Violation(
            "own property: the bucket serves a website",
            "aws-s3-bucket-acls-disabled",
            "website",
            BUCKET,
            put("website", {"indexDocument": "x"}),
        ),
        Violation(
            "own property: the queue's policy lets everybody do everything",
            named,
            "everybody",
            "aws:sqs/queue:Queue",
            put("policy", open_to_all.replace("s3:GetObject", "sqs:*")),
        ),
        Violation(
            "own property: the topic's policy lets everybody publish",
            named,
            "everybody",
            "aws:sns/topic:Topic",
            put("policy", open_to_all.replace("s3:GetObject", "sns:Publish")),
        ),
        Violation(
            "own property: a secret's policy lets everybody do everything",
            named,
            "everybody",
            "aws:sqs/queue:Queue",
            add_resource(
                secret, name="artifact-edge/prod/new", policy=open_to_all.replace("s3:GetObject", "secretsmanager:*")
            ),
        ),
        Violation(
            "own property: the role may do everything",
            "multi-iam-no-full-access",
            "everything",
            ROLE,
            put(
                "inlinePolicies",
                [{"policy": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'}],
            ),
        ),
        Violation(
            "own property: the managed policy AdministratorAccess is attached to the role",
            "aws-iam-managed-policies-allowed",
            "AdministratorAccess",
            ROLE,
            put("managedPolicyArns", ["arn:aws:iam::aws:policy/AdministratorAccess"]),
        ),
    ]


VIOLATIONS = [*lifecycles(), *replications(), *inline()]
