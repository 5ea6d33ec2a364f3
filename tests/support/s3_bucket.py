"""Creates a bucket for tests of the origin on S3."""

from __future__ import annotations

from typing import Any, cast

import boto3


def versioned_bucket(name: str) -> Any:
    """Creates a versioned bucket, and returns a client for it. The AWS_* environment variables select the endpoint."""
    s3 = cast(Any, boto3).client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return s3
