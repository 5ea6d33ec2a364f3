"""Policies for lifecycle rules of buckets: published objects stay readable, and old versions stay for a
limited time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pulumi_policy import Policy, PolicyResource, Severity, StackValidationArgs

from policies.framework.controls import foundational, our_design
from policies.framework.declare import Properties, given, part, parts, setting, whole_stack
from policies.framework.kinds import kind
from policies.framework.relations import is_set
from policies.rules.storage import GCS_BUCKET, S3_BUCKET, is_log_bucket, of_bucket

_S3_LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
# Storage classes with immediate access whose objects are stored in several zones (S3 User Guide, "Understanding and
# managing Amazon S3 storage classes"; Cloud Storage, "Storage classes"). COLDLINE and ARCHIVE are left out, because
# they charge for each read.
_S3_CLASSES = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"]
_GCS_CLASSES = ["STANDARD", "NEARLINE", "REGIONAL", "MULTI_REGIONAL"]
_STRINGS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_DAYS: dict[str, Any] = {"type": "integer", "minimum": 1}


@whole_stack(
    "multi-bucket-published-objects-kept",
    "No lifecycle rule deletes published objects or moves them to an archive.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.CRITICAL,
    control=our_design("published objects stay readable"),
    fix="Let lifecycle rules delete old versions only, by their days as an old version, and use storage classes that "
    "the setting `classes` lists",
    config={"classes": {**_STRINGS, "default": [*_S3_CLASSES, *_GCS_CLASSES]}},
)
def published_objects_kept(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if is_log_bucket(bucket, stack):
        return
    classes = set(setting(stack, "classes", [*_S3_CLASSES, *_GCS_CLASSES]))
    if kind(bucket) == GCS_BUCKET:
        yield from _google_losses(bucket, classes)
        return
    for rule in (rule for rules in _s3_configurations(bucket, stack) for rule in rules):
        expiration = part(rule, "expiration")
        if expiration.get("days"):
            yield f"rule {rule.get('id')} deletes objects after {int(expiration['days'])} days"
        if expiration.get("date"):
            yield f"rule {rule.get('id')} deletes objects on {expiration['date']}"
        for transition in [*parts(rule, "transitions"), *parts(rule, "noncurrentVersionTransitions")]:
            if transition.get("storageClass") not in classes:
                yield f"rule {rule.get('id')} moves objects to {transition.get('storageClass')}"


def _google_losses(bucket: PolicyResource, classes: set[str]) -> Iterator[str]:
    """Yields findings about settings of a Cloud Storage bucket that delete or archive current objects.

    A lifecycle rule applies only if all of its conditions hold. A rule with `daysSinceNoncurrentTime` therefore deletes
    only old versions.
    """
    for rule in parts(bucket.props, "lifecycleRules"):
        action, condition = part(rule, "action"), part(rule, "condition")
        if action.get("type") == "Delete" and not condition.get("daysSinceNoncurrentTime"):
            conditions = ", ".join(f"{name} {condition[name]}" for name in condition)
            yield f"a rule with the action Delete does not count the days as an old version, but {conditions}"
        if action.get("type") == "SetStorageClass" and action.get("storageClass") not in classes:
            yield f"a rule moves objects to {action.get('storageClass')}"
    for name, chosen in (
        ("storage_class", bucket.props.get("storageClass")),
        ("autoclass", part(bucket.props, "autoclass").get("terminalStorageClass")),
    ):
        if chosen and chosen not in classes:
            yield f"{name} is {chosen}"


@whole_stack(
    "multi-bucket-incomplete-uploads-removed",
    "Multipart uploads that were not completed are removed. They cost money, and no listing shows them.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.LOW,
    control=foundational("S3.13"),
    fix="Add a lifecycle rule for all objects that aborts incomplete multipart uploads",
    config={"days": {**_DAYS, "default": 7}},
)
def incomplete_uploads_removed(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    if is_log_bucket(bucket, stack):
        # A bucket for access logs needs no rule for incomplete multipart uploads, because the clouds write logs without
        # multipart uploads.
        return
    most = int(setting(stack, "days", 7))
    if kind(bucket) == GCS_BUCKET:
        found = [_google_days(bucket, "AbortIncompleteMultipartUpload", "age")]
    else:
        found = [
            _s3_days(filter(is_for_everything, rules), "abortIncompleteMultipartUpload", "daysAfterInitiation")
            for rules in _s3_configurations(bucket, stack)
        ]
    if not all(any(age <= most for age in ages) for ages in found):
        yield f"nothing removes incomplete uploads after {most} days or less"


@whole_stack(
    "multi-bucket-old-versions-kept-and-expired",
    "Overwritten and deleted objects can be restored for some days, and are deleted after that.",
    of={S3_BUCKET, GCS_BUCKET},
    severity=Severity.MEDIUM,
    control=foundational("S3.10"),
    fix="Set `artifact-edge:blobs.noncurrent_days`",
    config={"least_days": {**_DAYS, "default": 7}, "most_days": {**_DAYS, "default": 365}},
)
def old_versions_kept_and_expired(bucket: PolicyResource, stack: StackValidationArgs) -> Iterator[str]:
    # A bucket for access logs has to keep old versions for one day only. Logs are never overwritten, so only expired
    # logs have old versions.
    least = 1 if is_log_bucket(bucket, stack) else int(setting(stack, "least_days", 7))
    most = int(setting(stack, "most_days", 365))
    if kind(bucket) == GCS_BUCKET:
        ages = _google_days(bucket, "Delete", "daysSinceNoncurrentTime")
        for_everything = [ages]
    else:
        configurations = _s3_configurations(bucket, stack)
        action = ("noncurrentVersionExpiration", "noncurrentDays")
        ages = [age for rules in configurations for age in _s3_days(rules, *action)]
        for_everything = [_s3_days(filter(is_for_everything, rules), *action) for rules in configurations]
    if not all(for_everything):
        yield "old versions are never deleted"
    for age in ages:
        if not least <= age <= most:
            yield f"old versions are deleted after {age} days, not {least} to {most}"


def is_for_everything(rule: Properties) -> bool:
    """Returns whether an S3 lifecycle or replication rule is enabled and applies to all objects of the bucket."""
    narrowed = rule.get("prefix") or any(part(rule, "filter").values())
    return rule.get("status") == "Enabled" and not narrowed


def _s3_configurations(bucket: PolicyResource, stack: StackValidationArgs) -> list[list[Properties]]:
    """Returns the enabled rules of each lifecycle configuration of an S3 bucket: of separate Pulumi resources, and of
    the bucket's own property. The result has at least one configuration, which can be empty.

    S3 keeps only the configuration that is written last (S3 API Reference, "PutBucketLifecycleConfiguration"). If a
    bucket has several, each of them alone must therefore meet a policy.
    """
    found = [
        [rule for rule in parts(lifecycle.props, "rules") if rule.get("status") != "Disabled"]
        for lifecycle in of_bucket(bucket, _S3_LIFECYCLE, stack)
    ]
    if is_set(bucket, "lifecycleRules"):
        found.append([rule for rule in parts(bucket.props, "lifecycleRules") if rule.get("enabled") is not False])
    return found or [[]]


def _s3_days(rules: Iterable[Properties], action: str, name: str) -> list[int]:
    """Returns after how many days each of the S3 lifecycle rules carries out an action. `action` is the Pulumi name of
    the action, and `name` is the Pulumi name of the property that contains the number of days. The result leaves out
    rules without this property.
    """
    return [int(part(rule, action)[name]) for rule in rules if given(part(rule, action), name)]


def _google_days(bucket: PolicyResource, action: str, name: str) -> list[int]:
    rules = [rule for rule in parts(bucket.props, "lifecycleRules") if part(rule, "action").get("type") == action]
    return [int(part(rule, "condition")[name]) for rule in rules if given(part(rule, "condition"), name)]


POLICIES: list[Policy] = [published_objects_kept, incomplete_uploads_removed, old_versions_kept_and_expired]
