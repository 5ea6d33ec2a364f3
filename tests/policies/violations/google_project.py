"""Harmful changes to a stack on Google Cloud: to grants, object locks, bucket lifecycles, the database and Pub/Sub
topics. Tests make each change, and a policy must report it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import add_resource, put
from tests.policies.violations import GOOGLE, Violation
from tests.support.harness import Registered

GCS_BUCKET = "gcp:storage/bucket:Bucket"
GCS_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
DATABASE = "gcp:spanner/database:Database"


def ends(suffix: str) -> Callable[[Registered], bool]:
    return lambda resource: resource.name.endswith(suffix)


def published(resource: Registered) -> bool:
    return not resource.name.endswith("-logs")


def deleting(condition: dict[str, Any]) -> Change:
    def change(bucket: Registered) -> Sequence[Registered]:
        bucket.inputs["lifecycleRules"].append({"action": {"type": "Delete"}, "condition": condition})
        return [bucket]

    return change


def with_ddls(edit: Callable[[str], str]) -> Change:
    return lambda database: put("ddls", [edit(each) for each in database.inputs["ddls"]])(database)


VIOLATIONS = [
    Violation(
        "google: everybody gets roles/run.admin on the metadata API's service",
        "gcp-iam-roles-of-member",
        "has roles/run.admin",
        INVOKER,
        put("role", "roles/run.admin"),
        lambda r: r.inputs["member"] == "allUsers",
        GOOGLE,
    ),
    Violation(
        "google: everybody of a domain may call a service",
        "gcp-iam-roles-of-member",
        "has roles/run.invoker",
        INVOKER,
        put("member", "domain:example.com"),
        stack=GOOGLE,
    ),
    Violation(
        "google: the follower gets roles/spanner.databaseAdmin",
        "gcp-iam-roles-of-member",
        "has roles/spanner.databaseAdmin",
        "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
        put("role", "roles/spanner.databaseAdmin"),
        stack=GOOGLE,
    ),
    Violation(
        "google: the metadata API gets roles/spanner.backupAdmin",
        "gcp-iam-roles-of-member",
        "has roles/spanner.backupAdmin",
        "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
        put("role", "roles/spanner.backupAdmin"),
        ends("api"),
        GOOGLE,
    ),
    Violation(
        "google: the metadata API gets roles/spanner.databaseUser, which may write",
        "gcp-iam-roles-of-member",
        "has roles/spanner.databaseUser",
        "gcp:spanner/databaseIAMMember:DatabaseIAMMember",
        put("role", "roles/spanner.databaseUser"),
        ends("api"),
        GOOGLE,
    ),
    Violation(
        "google: a member of a topic gets a custom role",
        "gcp-iam-roles-of-member",
        "has projects/artifact-edge-prod/roles/x",
        "gcp:pubsub/topicIAMMember:TopicIAMMember",
        put("role", "projects/artifact-edge-prod/roles/x"),
        stack=GOOGLE,
    ),
    Violation(
        "google: a member of a topic gets roles/pubsub.editor",
        "gcp-iam-roles-of-member",
        "has roles/pubsub.editor",
        "gcp:pubsub/topicIAMMember:TopicIAMMember",
        put("role", "roles/pubsub.editor"),
        stack=GOOGLE,
    ),
    Violation(
        "google: a member of an encryption key may destroy the key's versions",
        "gcp-iam-roles-of-member",
        "has roles/cloudkms.admin",
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
        put("role", "roles/cloudkms.admin"),
        stack=GOOGLE,
    ),
    Violation(
        "google: the reader of a bucket gets the basic role roles/viewer",
        "gcp-iam-roles-of-member",
        "has roles/viewer",
        GCS_GRANT,
        put("role", "roles/viewer"),
        ends("reader-0"),
        GOOGLE,
    ),
    Violation(
        "google: every identity of a workload identity pool may read a bucket",
        "gcp-iam-roles-of-member",
        "has roles/storage.objectViewer",
        GCS_GRANT,
        put("member", "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/*"),
        ends("reader-0"),
        GOOGLE,
    ),
    Violation(
        "google: everybody who may view the project may read a bucket",
        "gcp-iam-roles-of-member",
        "has roles/storage.objectViewer",
        GCS_GRANT,
        put("member", "projectViewer:artifact-edge-prod"),
        ends("reader-0"),
        GOOGLE,
    ),
    Violation(
        "google: a bucket inherits whether public access is prevented",
        "gcp-storage-bucket-uniform-and-private",
        "public access is not prevented",
        GCS_BUCKET,
        put("publicAccessPrevention", "inherited"),
        stack=GOOGLE,
    ),
    Violation(
        "google: a service account gets a key that does not expire",
        "multi-iam-no-long-lived-keys",
        "added is a key that does not expire, or a user with such a key",
        GCS_BUCKET,
        add_resource("gcp:serviceaccount/key:Key", serviceAccountId="x"),
        stack=GOOGLE,
    ),
    Violation(
        "google: objects are locked for ten years, and nobody can change this",
        "multi-bucket-locks-limited",
        "nobody can end its retention policy",
        GCS_BUCKET,
        put("retentionPolicy", {"retentionPeriod": "315360000", "isLocked": True}),
        published,
        GOOGLE,
    ),
    Violation(
        "google: a hold keeps every object until somebody releases it",
        "multi-bucket-locks-limited",
        "every object is held until somebody releases it",
        GCS_BUCKET,
        put("defaultEventBasedHold", True),
        published,
        GOOGLE,
    ),
    Violation(
        "google: a version of an encryption key is scheduled for destruction",
        "multi-key-enabled",
        "the key version has the state DESTROY_SCHEDULED",
        "gcp:kms/cryptoKey:CryptoKey",
        add_resource("gcp:kms/cryptoKeyVersion:CryptoKeyVersion", cryptoKey="x", state="DESTROY_SCHEDULED"),
        stack=GOOGLE,
    ),
    Violation(
        "google: a lifecycle rule deletes all versions but the newest at once",
        "multi-bucket-published-objects-kept",
        "a rule with the action Delete does not count the days as an old",
        GCS_BUCKET,
        deleting({"numNewerVersions": 1}),
        published,
        GOOGLE,
    ),
    Violation(
        "google: a lifecycle rule deletes all objects of the storage class STANDARD",
        "multi-bucket-published-objects-kept",
        "a rule with the action Delete does not count the days as an old",
        GCS_BUCKET,
        deleting({"matchesStorageClasses": ["STANDARD"]}),
        published,
        GOOGLE,
    ),
    Violation(
        "google: the database does not remove expired items",
        "multi-database-expired-items-removed",
        "it does not remove expired items",
        DATABASE,
        with_ddls(lambda ddl: ddl.replace("ADD TTL INTERVAL", "DROP TTL")),
        stack=GOOGLE,
    ),
    Violation(
        "google: the change stream lacks the old values",
        "multi-database-changes-streamed",
        "its change stream lacks the values before a change",
        DATABASE,
        with_ddls(lambda ddl: ddl.replace("NEW_ROW_AND_OLD_VALUES", "NEW_VALUES")),
        stack=GOOGLE,
    ),
    Violation(
        "google: the change stream keeps changes for an hour only",
        "multi-database-changes-streamed",
        "its change stream keeps changes for 1h, not for 7 days",
        DATABASE,
        with_ddls(lambda ddl: ddl.replace("'7d'", "'1h'")),
        stack=GOOGLE,
    ),
    Violation(
        "google: a filter of a subscription drops all messages",
        "multi-messaging-delivered-inside",
        'the filter attributes.never="x" drops messages',
        SUBSCRIPTION,
        put("filter", 'attributes.never="x"'),
        stack=GOOGLE,
    ),
    Violation(
        "google: a subscription pushes messages to a URL outside the stack",
        "multi-messaging-delivered-inside",
        "pushConfig sends the messages elsewhere",
        SUBSCRIPTION,
        put("pushConfig", {"pushEndpoint": "https://stranger.example/"}),
        stack=GOOGLE,
    ),
]
