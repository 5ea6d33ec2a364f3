"""Pulumi program for tests: declares a bucket in one region. If the stack's setting `guarded` is true, the program also
declares the protection that policies require for a bucket.
"""

import json

import pulumi
import pulumi_aws as aws

NAME, REGION = "assets", "us-east-1"
LOGS = f"{NAME}-logs"
TAGS = {"project": "assets", "environment": "test", "owner": "platform", "cost-center": "none"}
LASTING = pulumi.ResourceOptions(protect=True)


def guard(title: str, bucket: aws.s3.Bucket, key: pulumi.Input[str] | None) -> None:
    """Declares the protective settings that policies require for a bucket. `key` is the KMS key that encrypts the
    bucket. If `key` is None, S3 encrypts the bucket with its own keys.
    """
    arn = f"arn:aws:s3:::{title}"
    aws.s3.BucketPublicAccessBlock(
        title,
        bucket=bucket.bucket,
        region=REGION,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketVersioning(title, bucket=bucket.bucket, region=REGION, versioning_configuration={"status": "Enabled"})
    aws.s3.BucketServerSideEncryptionConfiguration(
        title,
        bucket=bucket.bucket,
        region=REGION,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms" if key else "AES256",
                    "kms_master_key_id": key,
                },
                "bucket_key_enabled": key is not None,
            }
        ],
    )
    aws.s3.BucketOwnershipControls(
        title, bucket=bucket.bucket, region=REGION, rule={"object_ownership": "BucketOwnerEnforced"}
    )
    aws.s3.BucketLifecycleConfiguration(
        title,
        bucket=bucket.bucket,
        region=REGION,
        rules=[
            {
                "id": "all",
                "status": "Enabled",
                "filter": {},
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                "noncurrent_version_expiration": {"noncurrent_days": 30},
            }
        ],
    )
    conditions = [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}]
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    refusals = [{**everything, "Condition": condition} for condition in conditions]
    aws.s3.BucketPolicy(
        title,
        bucket=bucket.bucket,
        region=REGION,
        policy=json.dumps({"Version": "2012-10-17", "Statement": refusals}),
    )


bucket = aws.s3.Bucket("assets", bucket=NAME, region=REGION, tags=TAGS, opts=LASTING)

if pulumi.Config().get_bool("guarded"):
    key = aws.kms.Key(
        "assets", region=REGION, enable_key_rotation=True, deletion_window_in_days=30, tags=TAGS, opts=LASTING
    )
    guard(NAME, bucket, key.arn)
    logs = aws.s3.Bucket("assets-logs", bucket=LOGS, region=REGION, tags=TAGS, opts=LASTING)
    guard(LOGS, logs, None)
    aws.s3.BucketLogging(
        "assets", bucket=bucket.bucket, region=REGION, target_bucket=logs.bucket, target_prefix="assets/"
    )
    aws.s3.BucketObjectLockConfiguration(
        "assets",
        bucket=bucket.bucket,
        region=REGION,
        object_lock_enabled="Enabled",
        rule={"default_retention": {"mode": "GOVERNANCE", "days": 30}},
    )
