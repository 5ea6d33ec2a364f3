"""Harmful changes that lock, expose or delete a stack's objects and metadata. Tests make each change, and a policy must
report it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.policies.mutations import Change
from tests.policies.mutations.changes import put, without
from tests.policies.violations import Violation
from tests.support.harness import Registered

TABLE = "aws:dynamodb/table:Table"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"


def ends(suffix: str) -> Callable[[Registered], bool]:
    return lambda resource: resource.name.endswith(suffix)


def published(resource: Registered) -> bool:
    return not resource.name.endswith("-logs")


def also_rule(**rule: Any) -> Change:
    def change(lifecycle: Registered) -> Sequence[Registered]:
        lifecycle.inputs["rules"].append({"id": "added", "status": "Enabled", **rule})
        return [lifecycle]

    return change


VIOLATIONS = [
    Violation(
        "lock: nobody can end locks, which last 100 years (mode COMPLIANCE)",
        "multi-bucket-locks-limited",
        "nobody can end a lock with the mode COMPLIANCE",
        LOCK,
        put("rule", {"defaultRetention": {"mode": "COMPLIANCE", "years": 100}}),
    ),
    Violation(
        "lock: locks last ten years (mode GOVERNANCE)",
        "multi-bucket-locks-limited",
        "objects are locked for 3650 days, longer than 365",
        LOCK,
        put("rule", {"defaultRetention": {"mode": "GOVERNANCE", "years": 10}}),
    ),
    Violation(
        "lifecycle: large objects with a tag and a prefix are deleted",
        "multi-bucket-published-objects-kept",
        "rule added deletes objects after 1 days",
        LIFECYCLE,
        also_rule(
            filter={"and": {"prefix": "oci/", "tags": {"a": "b"}, "objectSizeGreaterThan": 1}}, expiration={"days": 1}
        ),
        published,
    ),
    Violation(
        "lifecycle: small objects move to GLACIER",
        "multi-bucket-published-objects-kept",
        "rule added moves objects to GLACIER",
        LIFECYCLE,
        also_rule(filter={"objectSizeLessThan": 1000}, transitions=[{"days": 0, "storageClass": "GLACIER"}]),
        published,
    ),
    Violation(
        "lifecycle: old versions of objects with a tag are deleted after a day",
        "multi-bucket-old-versions-kept-and-expired",
        "old versions are deleted after 1 days, not 7 to 365",
        LIFECYCLE,
        also_rule(filter={"tag": {"key": "a", "value": "b"}}, noncurrentVersionExpiration={"noncurrentDays": 1}),
        published,
    ),
    Violation(
        "versioning: a replica bucket keeps no old versions",
        "multi-bucket-versioned",
        "eu-west-1 has the status 'Suspended'",
        "aws:s3/bucketVersioning:BucketVersioning",
        put("versioningConfiguration", {"status": "Suspended"}),
        ends("eu-west-1"),
    ),
    Violation(
        "public access block: a log bucket does not set ignorePublicAcls",
        "aws-s3-bucket-public-access-blocked",
        "ap-southeast-1-logs does not set ignorePublicAcls",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        put("ignorePublicAcls", False),
        ends("-logs"),
    ),
    Violation(
        "table: expired items are not removed (TTL is off)",
        "multi-database-expired-items-removed",
        "it does not remove expired items",
        TABLE,
        put("ttl", {"enabled": False}),
    ),
    Violation(
        "table: items are removed by another attribute than their expiry",
        "multi-database-expired-items-removed",
        "it removes items by published, not by expires",
        TABLE,
        put("ttl", {"enabled": True, "attributeName": "published"}),
    ),
    Violation(
        "table: expired items are not removed (no TTL)",
        "multi-database-expired-items-removed",
        "it does not remove expired items",
        TABLE,
        without("ttl"),
    ),
    Violation(
        "table: it allows only one read a second",
        "aws-dynamodb-table-capacity-scales",
        "maxReadRequestUnits limits it to 1 a second",
        TABLE,
        put("onDemandThroughput", {"maxReadRequestUnits": 1, "maxWriteRequestUnits": 1}),
    ),
    Violation(
        "table: its stream contains only the keys of changed items",
        "multi-database-changes-streamed",
        "the stream is KEYS_ONLY",
        TABLE,
        put("streamViewType", "KEYS_ONLY"),
    ),
    Violation(
        "table: a replica has no deletion protection",
        "multi-database-deletion-protected",
        "deletion protection is not enabled in ap-southeast-1",
        TABLE,
        put("replicas.1.deletionProtectionEnabled", False),
    ),
]
