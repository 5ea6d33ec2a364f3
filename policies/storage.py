"""Objects: never public, never lost, never in one place only."""

from __future__ import annotations

from collections.abc import Iterator

from pulumi_policy import Policy, PolicyResource, ResourceValidationArgs, Severity, StackValidationArgs

from policies.controls import cis_aws, cis_gcp, foundational, well_architected
from policies.documents import is_for_everybody, refuses_plain_text
from policies.rules import (
    Properties,
    each_resource,
    given,
    kind,
    known,
    part,
    parts,
    setting,
    statements,
    texts,
    whole_stack,
)

S3_BUCKET = "aws:s3/bucket:Bucket"
GCS_BUCKET = "gcp:storage/bucket:Bucket"
_S3_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
_S3_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
_GCS_GRANTS = {
    "gcp:storage/bucketIAMMember:BucketIAMMember": "member",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding": "members",
    "gcp:storage/bucketAccessControl:BucketAccessControl": "entity",
}
_EVERYBODY = {"allUsers", "allAuthenticatedUsers"}
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_SPREAD_LOCATIONS = {"US", "EU", "ASIA", "NAM4", "EUR4", "EUR5", "EUR7", "EUR8", "ASIA1"}
"""Multi-regions and predefined dual-regions (Cloud Storage, "Bucket locations")."""


@whole_stack(
    "bucket-public-access-blocked",
    "Every S3 bucket has all four public access blocks.",
    of={S3_BUCKET},
    severity=Severity.CRITICAL,
    control=cis_aws("2.1.4"),
    fix="Give it an aws.s3.BucketPublicAccessBlock with all four set to true",
)
def public_access_blocked(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    blocks = _of(bucket, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", stack)
    if not blocks:
        yield "no public access block belongs to the bucket"
    for block in blocks:
        missing = [name for name in _BLOCKS if block.props.get(name) is not True]
        if missing:
            yield f"{block.name} does not set {', '.join(missing)}"


@each_resource(
    "bucket-grants-nothing-to-everybody",
    "No bucket lets everybody in, whether by policy or by grant.",
    of={_S3_POLICY, *_GCS_GRANTS},
    severity=Severity.CRITICAL,
    control=foundational("S3.2"),
    fix="Name the principals, or narrow the statement by aws:PrincipalOrgID, aws:SourceVpce or the like",
)
def grants_nothing_to_everybody(args: ResourceValidationArgs) -> Iterator[str]:
    if kind(args) == _S3_POLICY:
        for number, statement in enumerate(statements(args.props.get("policy"))):
            if is_for_everybody(statement):
                yield f"statement {statement.get('Sid') or number} allows {statement.get('Action')} to everybody"
        return
    for member in texts(args.props.get(_GCS_GRANTS[kind(args)])):
        if member in _EVERYBODY:
            yield f"{args.props.get('role')} is granted to {member}"


@whole_stack(
    "bucket-tls-only",
    "Every S3 bucket refuses requests that do not come by TLS.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=cis_aws("2.1.1"),
    fix="Deny s3:* to * where aws:SecureTransport is false, in the bucket's policy",
)
def tls_only(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    policies = _of(bucket, _S3_POLICY, stack)
    if not any(refuses_plain_text(statements(policy.props.get("policy"))) for policy in policies):
        yield "no policy of the bucket denies plain HTTP"


@whole_stack(
    "bucket-versioned",
    "Every bucket keeps overwritten and deleted objects as versions.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.14"),
    fix="Enable versioning: an aws.s3.BucketVersioning with status Enabled, or `versioning` of the gcp.storage.Bucket",
)
def versioned(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if kind(bucket) == GCS_BUCKET:
        if part(bucket.props, "versioning").get("enabled") is not True:
            yield "versioning is not enabled"
        return
    settings = _of(bucket, "aws:s3/bucketVersioning:BucketVersioning", stack)
    if not settings:
        yield "no versioning belongs to the bucket"
    for each in settings:
        status = part(each.props, "versioningConfiguration").get("status")
        if status != "Enabled":
            yield f"{each.name} says {status!r}"


@whole_stack(
    "bucket-encrypted",
    "Every S3 bucket says how it encrypts objects at rest. Cloud Storage always does.",
    of={S3_BUCKET},
    severity=Severity.HIGH,
    control=well_architected("SEC08-BP02"),
    fix="Give it an aws.s3.BucketServerSideEncryptionConfiguration with AES256 or aws:kms",
)
def encrypted(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    algorithms = [
        part(rule, "applyServerSideEncryptionByDefault").get("sseAlgorithm")
        for settings in _of(bucket, token, stack)
        for rule in parts(settings.props, "rules")
    ]
    if not algorithms:
        yield "no encryption configuration belongs to the bucket"
    for algorithm in algorithms:
        if algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
            yield f"{algorithm!r} is no encryption"


@whole_stack(
    "bucket-replicated",
    "Every bucket's objects also stand in another region; access logs, which describe one region, need not.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.HIGH,
    control=foundational("S3.7"),
    fix="Name a second region in `artifact-edge:blobs.regions`; replication rules are Enabled and for all objects",
    config={"regions": {"type": "integer", "minimum": 1, "default": 2}},
)
def replicated(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if _takes_logs(bucket, stack):
        return
    wanted = int(setting(stack, "regions", 2))
    found = _gcs_regions(bucket) if kind(bucket) == GCS_BUCKET else _s3_regions(bucket, stack)
    if found < wanted:
        yield f"its objects stand in {found} region{'s' * (found != 1)}; {wanted} are asked for"


@each_resource(
    "bucket-access-uniform",
    "Cloud Storage buckets take access from IAM alone and can never be made public.",
    of={GCS_BUCKET},
    severity=Severity.CRITICAL,
    control=cis_gcp("5.2"),
    fix="Set uniform_bucket_level_access to true and public_access_prevention to enforced",
)
def access_uniform(args: ResourceValidationArgs) -> Iterator[str]:
    if args.props.get("uniformBucketLevelAccess") is not True:
        yield "single objects may have access lists of their own"
    if args.props.get("publicAccessPrevention") != "enforced":
        yield "public access is not prevented"


def _of(bucket: PolicyResource, token: str, stack: StackValidationArgs) -> list[PolicyResource]:
    """The bucket's settings of one type, each a resource of its own.

    They are found by what they depend on, since before `up` a bucket may have no name yet; else by its name.
    """
    return [each for each in stack.resources if kind(each) == token and _refers_to(each, "bucket", bucket)]


def _takes_logs(bucket: PolicyResource, stack: StackValidationArgs) -> bool:
    """Whether S3 writes another bucket's access logs there."""
    logging = [each for each in stack.resources if kind(each) == "aws:s3/bucketLogging:BucketLogging"]
    return any(_refers_to(each, "targetBucket", bucket) for each in logging)


def _refers_to(each: PolicyResource, name: str, bucket: PolicyResource) -> bool:
    if any(dependency.urn == bucket.urn for dependency in each.property_dependencies.get(name, [])):
        return True
    names = {known(bucket.props, key) for key in ("bucket", "id")} - {None, ""}
    return known(each.props, name) in names


def _s3_regions(bucket: PolicyResource, stack: StackValidationArgs) -> int:
    """In how many regions the objects of a bucket stand that is either end of a replication."""
    buckets = [each for each in stack.resources if kind(each) == S3_BUCKET]
    regions = {bucket.props.get("region")}
    for replication in (each for each in stack.resources if kind(each) == _S3_REPLICATION):
        if not all(_copies_everything(rule) for rule in parts(replication.props, "rules")):
            continue
        ends = [each for each in buckets if _refers_to(replication, "bucket", each) or _is_target(replication, each)]
        if any(end.urn == bucket.urn for end in ends):
            regions |= {end.props.get("region") for end in ends}
    return len(regions)


def _copies_everything(rule: Properties) -> bool:
    """Whether the rule is in effect, and for all objects."""
    narrowed = rule.get("prefix") or any(part(rule, "filter").values())
    return rule.get("status") == "Enabled" and not narrowed


def _is_target(replication: PolicyResource, bucket: PolicyResource) -> bool:
    if any(dependency.urn == bucket.urn for dependency in replication.property_dependencies.get("rules", [])):
        return True
    arns = [known(part(rule, "destination"), "bucket") for rule in parts(replication.props, "rules")]
    return known(bucket.props, "arn") in {arn for arn in arns if arn}


def _gcs_regions(bucket: PolicyResource) -> int:
    if given(bucket.props, "customPlacementConfig"):
        return len(part(bucket.props, "customPlacementConfig").get("dataLocations") or [])
    return 2 if str(bucket.props.get("location")).upper() in _SPREAD_LOCATIONS else 1


POLICIES: list[Policy] = [
    public_access_blocked,
    grants_nothing_to_everybody,
    tls_only,
    versioned,
    encrypted,
    replicated,
    access_uniform,
]
