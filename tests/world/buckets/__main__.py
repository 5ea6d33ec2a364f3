"""A bucket in a single region; with `guarded`, all that the policies ask for stands beside it."""

import json

import pulumi
import pulumi_aws as aws

NAME, REGION = "assets", "us-east-1"
ARN = f"arn:aws:s3:::{NAME}"

bucket = aws.s3.Bucket(
    "assets",
    bucket=NAME,
    region=REGION,
    tags={"project": "assets", "environment": "test", "owner": "platform", "cost-center": "none"},
    opts=pulumi.ResourceOptions(protect=True),
)

if pulumi.Config().get_bool("guarded"):
    aws.s3.BucketPublicAccessBlock(
        "assets",
        bucket=bucket.bucket,
        region=REGION,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
    aws.s3.BucketVersioning(
        "assets", bucket=bucket.bucket, region=REGION, versioning_configuration={"status": "Enabled"}
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "assets",
        bucket=bucket.bucket,
        region=REGION,
        rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
    )
    refusal = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [ARN, f"{ARN}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    aws.s3.BucketPolicy(
        "assets",
        bucket=bucket.bucket,
        region=REGION,
        policy=json.dumps({"Version": "2012-10-17", "Statement": [refusal]}),
    )
