"""One S3 bucket with its security settings. In Pulumi's AWS provider, each setting is a separate resource."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from infra.blobs import BlobsArgs, Bucket, Lock, log_bucket_name
from infra.blobs.s3_policies import log_delivery, log_shipping, reading, tls_only
from infra.iam import document

_ABANDONED_UPLOAD_DAYS = 7
# The age, in days, at which objects move to the storage class Intelligent-Tiering. This class tracks how often clients
# read each object. S3 does not move objects below 128 KB (S3 User Guide, "Transitioning objects using Amazon S3
# Lifecycle").
_TIERING_DAYS = 30

# The name of a metrics configuration that covers all requests of a bucket. The S3 console uses the same name.
ALL_REQUESTS = "EntireBucket"

Rule = aws.s3.BucketLifecycleConfigurationRuleArgsDict

_ABANDONED_UPLOADS: Rule = {
    "id": "abandoned-uploads",
    "status": "Enabled",
    "filter": {},
    "abort_incomplete_multipart_upload": {"days_after_initiation": _ABANDONED_UPLOAD_DAYS},
}


class Guarded:
    """A versioned, private S3 bucket that accepts only requests over TLS. The bucket's owner owns all objects in the
    bucket.
    """

    def __init__(
        self, title: str, name: str, region: str, removable: bool, policy: pulumi.Input[str], parent: pulumi.Resource
    ) -> None:
        self._title, self._region, self._parent = title, region, parent
        child = pulumi.ResourceOptions(parent=parent)
        self.bucket = aws.s3.Bucket(title, bucket=name, region=region, force_destroy=removable, opts=child)
        self.versioning = aws.s3.BucketVersioning(
            title,
            bucket=self.bucket.bucket,
            region=region,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            title,
            bucket=self.bucket.bucket,
            region=region,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=child,
        )
        block = aws.s3.BucketPublicAccessBlock(
            title,
            bucket=self.bucket.bucket,
            region=region,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child,
        )
        self.policy = aws.s3.BucketPolicy(
            title,
            bucket=self.bucket.bucket,
            region=region,
            policy=policy,
            # S3 refuses two simultaneous changes of one bucket's access settings (409 OperationAborted), so one change
            # waits for the other.
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[block]),
        )

    def encrypt(self, key: pulumi.Input[str] | None) -> None:
        """Sets the key with which S3 encrypts the bucket's objects by default. If `key` is None, S3 manages the
        encryption key. Otherwise, `key` is a KMS key.
        """
        aws.s3.BucketServerSideEncryptionConfiguration(
            self._title,
            bucket=self.bucket.bucket,
            region=self._region,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms" if key is not None else "AES256",
                        "kms_master_key_id": key,
                    },
                    # With an S3 Bucket Key, S3 does not send a request to KMS for each object. If a bucket has no KMS
                    # key, S3 returns no value for `bucket_key_enabled`. The program therefore sets no value for such a
                    # bucket.
                    "bucket_key_enabled": True if key is not None else None,
                }
            ],
            opts=pulumi.ResourceOptions(parent=self._parent),
        )

    def age(self, *rules: Rule) -> None:
        """Creates the lifecycle configuration of an S3 bucket. It consists of the given rules, and of a rule that
        removes abandoned multipart uploads.
        """
        aws.s3.BucketLifecycleConfiguration(
            self._title,
            bucket=self.bucket.bucket,
            region=self._region,
            rules=[_ABANDONED_UPLOADS, *rules],
            # The lifecycle rules wait for versioning, because rules about noncurrent versions work only on a versioned
            # bucket.
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[self.versioning]),
        )


class Logs(Guarded):
    """The S3 bucket that receives the access logs of the origin bucket in one region. The bucket in the primary region
    also receives the access logs of shields (regional caches).

    S3 encrypts the logs with a key that it manages, because a log target requires SSE-S3 (S3 User Guide, "Enabling
    Amazon S3 server access logging").
    """

    def __init__(self, place: Bucket, account: pulumi.Input[str], args: BlobsArgs, parent: pulumi.Resource) -> None:
        name = log_bucket_name(args.prefix, place.region)
        shields = args.readers if place.region == args.regions[0] else ()
        policy = pulumi.Output.all(account, *shields).apply(
            lambda known: document(
                *tls_only(name),
                log_delivery(name, place.name, known[0]),
                *([log_shipping(name, known[1:])] if known[1:] else []),
            )
        )
        super().__init__(f"{place.region}-logs", name, place.region, args.removable, policy, parent)
        self.encrypt(None)
        self.age(
            {
                "id": "old-logs",
                "status": "Enabled",
                "filter": {},
                "expiration": {"days": args.log_days},
                "noncurrent_version_expiration": {"noncurrent_days": 1},
            }
        )


class Store(Guarded):
    """The S3 bucket for the origin's objects in one region.

    `ready` holds the resources that must exist before S3 accepts replication rules.
    """

    ready: Sequence[pulumi.Resource]

    def __init__(self, place: Bucket, account: pulumi.Input[str], args: BlobsArgs, parent: pulumi.Resource) -> None:
        self.place = place
        self.key = args.keys[place.region]

        def access(readers: Sequence[str]) -> str:
            return document(*tls_only(place.name), *(reading(place.name, readers) if readers else ()))

        policy = pulumi.Output.all(*args.readers).apply(access)
        super().__init__(place.region, place.name, place.region, args.removable, policy, parent)
        self.encrypt(self.key)
        self.age(
            {
                "id": "noncurrent-versions",
                "status": "Enabled",
                "filter": {},
                "noncurrent_version_expiration": {"noncurrent_days": args.noncurrent_days},
                "expiration": {"expired_object_delete_marker": True},
            },
            {
                "id": "rarely-read",
                "status": "Enabled",
                "filter": {},
                "transitions": [{"days": _TIERING_DAYS, "storage_class": "INTELLIGENT_TIERING"}],
            },
        )
        self.ready = [self.versioning, *([self._locked(args.lock)] if args.lock else [])]
        self._watch(Logs(place, account, args, parent))

    def _locked(self, lock: Lock) -> pulumi.Resource:
        """Enables Object Lock on the existing S3 bucket.

        The lock is a separate Pulumi resource and not an argument of the bucket. Pulumi would replace the bucket after
        a change of such an argument.
        """
        return aws.s3.BucketObjectLockConfiguration(
            self._title,
            bucket=self.bucket.bucket,
            region=self._region,
            object_lock_enabled="Enabled",
            rule={"default_retention": {"mode": lock.mode.upper(), "days": lock.days}},
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[self.versioning]),
        )

    def _watch(self, logs: Logs) -> None:
        aws.s3.BucketLogging(
            self._title,
            bucket=self.bucket.bucket,
            region=self._region,
            target_bucket=logs.bucket.bucket,
            target_prefix=f"{self.place.name}/",
            # Logging waits for the log bucket's policy, because S3 tries to write a log as soon as logging is enabled.
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=[logs.policy]),
        )
        aws.s3.BucketMetric(
            self._title,
            bucket=self.bucket.bucket,
            region=self._region,
            name=ALL_REQUESTS,
            opts=pulumi.ResourceOptions(parent=self._parent),
        )
