"""Pulumi program for tests: declares a versioned bucket in Europe, and a DynamoDB table with point-in-time recovery."""

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
if config.get("region") == "mars-1":
    raise pulumi.RunError("artifact-edge-probe:region: 'mars-1' is not an AWS region")

bucket = aws.s3.Bucket(
    "blobs",
    bucket="probe-blobs",
    region="eu-west-1",
    force_destroy=True,
    tags={"owner": config.require_secret("owner")},
)
aws.s3.BucketVersioning(
    "blobs",
    bucket=bucket.id,
    region="eu-west-1",
    versioning_configuration={"status": "Enabled"},
)
aws.dynamodb.Table(
    "packages",
    name="probe-packages",
    billing_mode="PAY_PER_REQUEST",
    hash_key="pk",
    attributes=[{"name": "pk", "type": "S"}],
    point_in_time_recovery={"enabled": True},
)
pulumi.export("bucket", bucket.bucket_regional_domain_name)
