"""Tests which new buckets the emulated S3 refuses: a bucket with a name that is invalid on S3, and a bucket with the
name of another account's bucket.
"""

from __future__ import annotations

from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(aws_cloud: None) -> Any:
    return cast(Any, boto3).client("s3", region_name="us-east-1")


@pytest.mark.parametrize(
    "name",
    [
        "artifact-edge-prod-us-east-1",
        "artifact-edge-dev-logs-eu-west-1",
        "artifact-edge-staging-standby-us-east1",
        "commoncrawl",
    ],
)
def test_a_name_of_another_account_is_taken(s3: Any, name: str) -> None:
    with pytest.raises(ClientError, match=r"\(BucketAlreadyExists\).*shared by all users of the system"):
        s3.create_bucket(Bucket=name)
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize(
    "name", ["Capital", "ends-", "two..dots", "192.168.5.4", "xn--punycode", "sthree-x", "an-alias-s3alias", "n" * 64]
)
def test_a_name_against_the_rules_is_invalid(s3: Any, name: str) -> None:
    with pytest.raises(ClientError, match="InvalidBucketName"):
        s3.create_bucket(Bucket=name)


def test_a_name_with_an_organization_is_free(s3: Any) -> None:
    s3.create_bucket(Bucket="artifact-edge-prod-example-us-east-1")
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["artifact-edge-prod-example-us-east-1"]
