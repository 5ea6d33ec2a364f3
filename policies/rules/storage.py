"""Policies for buckets: they are never public, they are encrypted, their access is logged, and their objects are
locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.framework.controls import cis_aws, cis_gcp, foundational, well_architected
from policies.framework.declare import (
    LASTING,
    Properties,
    each_resource,
    given,
    known,
    part,
    parts,
    setting,
    statements,
    texts,
    whole_stack,
)
from policies.framework.documents import BUCKET_POLICIES
from policies.framework.iam_documents import denies_plain_text, denies_tls_below_1_2
from policies.framework.kinds import all_of, kind
from policies.framework.relations import refers_to, settings_of
from policies.rules.principals import open_statements, public_grants

S3_BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
_S3_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
_GCS_GRANTS = {
    "gcp:storage/bucketIAMMember:BucketIAMMember": "member",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding": "members",
    "gcp:storage/bucketAccessControl:BucketAccessControl": "entity",
}
S3_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
_S3_LOGGING = "aws:s3/bucketLogging:BucketLogging"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


@whole_stack(
    "aws-s3-bucket-public-access-blocked",
    "Every S3 bucket has all four public access blocks.",
    of={S3_BUCKET},
    severity=Severity.CRITICAL,
    control=cis_aws("2.1.4"),
    fix="Give it an aws.s3.BucketPublicAccessBlock with all four set to true",
)
def public_access_blocked(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    blocks = of_bucket(bucket, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", stack)
    if not blocks:
        yield "no public access block belongs to the bucket"
    for block in blocks:
        missing = [name for name in _BLOCKS if block.props.get(name) is not True]
        if missing:
            yield f"{block.name} does not set {', '.join(missing)}"


@each_resource(
    "multi-bucket-grants-not-public",
    "No bucket lets everybody in, neither by a policy nor by a granted role.",
    of={*BUCKET_POLICIES, *_GCS_GRANTS},
    severity=Severity.CRITICAL,
    control=foundational("S3.2"),
    fix="Name the principals, or add a condition that names accounts or networks, for example on aws:SourceVpce",
)
def grants_not_public(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) in BUCKET_POLICIES:
        yield from open_statements(args)
        return
    yield from public_grants(args, texts(args.props.get(_GCS_GRANTS[kind(args)])))


@whole_stack(
    "aws-s3-bucket-tls-only",
    "Every S3 bucket refuses requests without TLS.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=cis_aws("2.1.1"),
    fix="Deny s3:* to * where aws:SecureTransport is false, in the bucket's policy",
)
def tls_only(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    yield from _policies_without(denies_plain_text, "plain HTTP", bucket, stack)


@whole_stack(
    "aws-s3-bucket-encrypted",
    "Every S3 bucket has a configuration for encryption at rest. Cloud Storage always encrypts.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=well_architected("SEC08-BP02"),
    fix="Give it an aws.s3.BucketServerSideEncryptionConfiguration with AES256 or aws:kms",
)
def encrypted(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    algorithms = [
        part(rule, "applyServerSideEncryptionByDefault").get("sseAlgorithm")
        for settings in of_bucket(bucket, token, stack)
        for rule in parts(settings.props, "rules")
    ]
    if not algorithms:
        yield "no encryption configuration belongs to the bucket"
    for algorithm in algorithms:
        if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
            yield f"{algorithm!r} is no encryption"


@whole_stack(
    "multi-bucket-encrypted-with-own-key",
    "Published objects are encrypted with a key that this account controls and whose use it sees.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=well_architected("SEC08-BP01"),
    fix="On S3 use aws:kms with kms_master_key_id and bucket_key_enabled; on Cloud Storage default_kms_key_name",
)
def encrypted_with_own_key(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if is_log_bucket(bucket, stack):
        # A log bucket is encrypted with S3's own key (SSE-S3), because S3 delivers access logs only to such buckets.
        return
    if kind(bucket) == GCS_BUCKET:
        if not given(part(bucket.props, "encryption"), "defaultKmsKeyName"):
            yield "Google's own key encrypts its objects"
        return
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    configured = of_bucket(bucket, token, stack)
    if not configured:
        yield "no encryption configuration belongs to the bucket"
    for each in configured:
        for rule in parts(each.props, "rules"):
            chosen = part(rule, "applyServerSideEncryptionByDefault")
            if chosen.get("sseAlgorithm") not in ("aws:kms", "aws:kms:dsse"):
                yield f"{each.name} says {chosen.get('sseAlgorithm')!r}"
            elif not given(chosen, "kmsMasterKeyId"):
                yield f"{each.name} names no key, and so takes AWS's own"
            elif rule.get("bucketKeyEnabled") is not True:
                yield f"{each.name} asks KMS for each object: bucket_key_enabled is not true"


@each_resource(
    "gcp-storage-bucket-uniform-and-private",
    "Only IAM decides on access to buckets in Cloud Storage, and nobody can make a bucket public.",
    of={GCS_BUCKET},
    severity=Severity.CRITICAL,
    control=cis_gcp("5.2"),
    fix="Set uniform_bucket_level_access to true and public_access_prevention to enforced",
)
def uniform_and_private(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("uniformBucketLevelAccess") is not True:
        yield "single objects may have access lists of their own"
    if args.props.get("publicAccessPrevention") != "enforced":
        yield "public access is not prevented"


@whole_stack(
    "multi-bucket-access-logged",
    "Every bucket of objects has an access log in another bucket.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=foundational("S3.9"),
    fix="Give it an aws.s3.BucketLogging, or logging of the gcp.storage.Bucket, into another bucket of the stack",
)
def bucket_access_logged(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if is_log_bucket(bucket, stack):
        return
    if kind(bucket) == GCS_BUCKET:
        if not given(part(bucket.props, "logging"), "logBucket"):
            yield "its access is not logged"
        return
    logging = of_bucket(bucket, _S3_LOGGING, stack)
    if not logging:
        yield "its access is not logged"
    others = [each for each in all_of(stack, {S3_BUCKET}) if each.urn != bucket.urn]
    for each in logging:
        if not any(refers_to(each, "targetBucket", other, ("bucket", "id")) for other in others):
            yield f"{each.name} writes to no other bucket of the stack"


@whole_stack(
    "aws-s3-bucket-object-lock-enabled",
    "Published objects are locked, so that stolen permissions of a publisher cannot delete them.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.15"),
    fix="Set `artifact-edge:blobs.lock` and lock_days",
    config={"required": LASTING, "days": {"type": "integer", "minimum": 1, "default": 7}},
)
def object_lock_enabled(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if not setting(stack, "required", True) or is_log_bucket(bucket, stack):
        return
    locks = of_bucket(bucket, S3_LOCK, stack)
    if not locks:
        yield "no object lock prevents the deletion of its objects"
    for each in locks:
        retention = part(part(each.props, "rule"), "defaultRetention")
        days = int(retention.get("days") or 0) + 365 * int(retention.get("years") or 0)
        if each.props.get("objectLockEnabled", "Enabled") != "Enabled" or days < int(setting(stack, "days", 7)):
            yield f"{each.name} locks them for {days} days"


@whole_stack(
    "aws-s3-bucket-old-tls-refused",
    "Every S3 bucket refuses TLS below 1.2, which S3 itself still accepts from some clients.",
    of={S3_BUCKET},
    severity=Severity.MEDIUM,
    control=well_architected("SEC09-BP02"),
    fix="Deny s3:* to * where s3:TlsVersion is less than 1.2, in the bucket's policy",
)
def old_tls_refused(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    yield from _policies_without(denies_tls_below_1_2, "old TLS", bucket, stack)


def _policies_without(
    denies: Callable[[Iterable[Properties]], bool], what: str, bucket: PolicyResource, stack: StackValidationArgs
) -> Iterator[str]:
    """Yields a finding if a bucket can end up with a policy that does not deny `what`. A bucket has one policy, and
    each write replaces it (Amazon S3 API Reference, "PutBucketPolicy"). Every policy of the stack must therefore deny.
    """
    found = [denies(statements(policy.props.get("policy"))) for policy in of_bucket(bucket, _S3_POLICY, stack)]
    if not any(found):
        yield f"no policy of the bucket denies {what}"
    elif not all(found):
        yield f"one of its policies does not deny {what}, and the bucket keeps only the policy that is written last"


@whole_stack(
    "aws-s3-bucket-acls-disabled",
    "Policies alone decide who reads objects in S3. Neither buckets nor objects have access lists or are websites.",
    of={S3_BUCKET},
    severity=Severity.MEDIUM,
    control=foundational("S3.12"),
    fix="Give it an aws.s3.BucketOwnershipControls with object_ownership BucketOwnerEnforced, and leave acl, grants "
    "and website out",
)
def acls_disabled(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if (acl := known(bucket.props, "acl")) not in (None, "", "private"):
        yield f"acl is {acl}"
    grants: Iterable[Properties] = known(bucket.props, "grants") or []
    for grant in grants:
        if grant.get("type") == "Group":
            yield f"a grant lets in {grant.get('uri')}"
    if known(bucket.props, "website"):
        yield "website is set"
    controls = of_bucket(bucket, "aws:s3/bucketOwnershipControls:BucketOwnershipControls", stack)
    if not controls:
        yield "no ownership controls belong to the bucket"
    for each in controls:
        ownership = part(each.props, "rule").get("objectOwnership")
        if ownership != "BucketOwnerEnforced":
            yield f"{each.name} has the ownership {ownership!r}"


def is_log_bucket(bucket: PolicyResource, stack: StackValidationArgs) -> bool:
    """Returns whether a bucket is a log bucket. A log bucket receives the access log of another bucket, and has no
    access log of its own.

    A bucket with published objects always has an access log. It is therefore never treated as a log bucket, even if it
    also receives the log of another bucket.
    """
    if kind(bucket) == GCS_BUCKET:
        targets = {known(known(each.props, "logging") or {}, "logBucket") for each in all_of(stack, {GCS_BUCKET})}
        return known(bucket.props, "name") in targets - {None} and not given(bucket.props, "logging")
    logging = list(all_of(stack, {_S3_LOGGING}))
    logged = any(refers_to(each, "bucket", bucket, ("bucket", "id")) for each in logging)
    return not logged and any(refers_to(each, "targetBucket", bucket, ("bucket", "id")) for each in logging)


def of_bucket(bucket: PolicyResource, token: str, stack: StackValidationArgs) -> list[PolicyResource]:
    """Returns the resources that configure a bucket. `token` is the Pulumi type of these resources."""
    return settings_of(bucket, token, stack, "bucket", ("bucket", "id"))


# These settings are allowed in a Cloud Storage bucket's own properties, because Pulumi has no separate resource types
# for them.
_OF_GOOGLE = frozenset({"lifecycleRules", "versioning"})
_ELSEWHERE = (
    "corsRules",
    "grants",
    "lifecycleRules",
    "replicationConfiguration",
    "requestPayer",
    "versioning",
    "website",
    "cors",
    "requesterPays",
)


@each_resource(
    "multi-bucket-without-inline-settings",
    "A bucket has no property that answers browsers, charges readers, or competes with the resources that hold the "
    "bucket's versioning, lifecycle and replication.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=well_architected("SEC08-BP04"),
    fix="Remove the property",
)
def without_inline_settings(args: ResourceValidationArgs) -> Iterator[str]:
    google = kind(args) == GCS_BUCKET
    for name in _ELSEWHERE:
        if args.props.get(name) and not (google and name in _OF_GOOGLE):
            yield f"it has {name}"


POLICIES: list[Policy] = [
    public_access_blocked,
    grants_not_public,
    tls_only,
    encrypted,
    encrypted_with_own_key,
    old_tls_refused,
    acls_disabled,
    uniform_and_private,
    bucket_access_logged,
    object_lock_enabled,
    without_inline_settings,
]
