"""Tests how the emulated S3 evaluates the preconditions of reads. An object can be published twice within one second.
Its ETag then changes, but its modification time stays the same. The tests therefore send the current modification time
with the ETag of different content.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.responses import S3Response

from emulation.aws.conditional_reads import key_response

BUCKET = "packages"
OTHER = '"0"'


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        monkeypatch.setattr(S3Response, "key_response", key_response)
        client: Any = cast(Any, boto3).client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def status(read: Any, **conditions: Any) -> int:
    try:
        return read(Bucket=BUCKET, Key="document", **conditions)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return cast(Any, error.response)["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_an_etag_counts_and_the_date_beside_it_does_not(s3: Any, method: str) -> None:
    read = getattr(s3, method)
    same = s3.put_object(Bucket=BUCKET, Key="document", Body=b"{}")["ETag"]
    modified = s3.head_object(Bucket=BUCKET, Key="document")["LastModified"]
    before = modified.replace(year=modified.year - 1)
    assert status(read, IfNoneMatch=OTHER, IfModifiedSince=modified) == 200
    assert status(read, IfNoneMatch=same, IfModifiedSince=before) == 304
    assert status(read, IfMatch=same, IfUnmodifiedSince=before) == 200
    assert status(read, IfMatch=OTHER, IfUnmodifiedSince=modified) == 412


@pytest.mark.parametrize("method", ["get_object", "head_object"])
def test_a_date_without_an_etag_counts(s3: Any, method: str) -> None:
    read = getattr(s3, method)
    s3.put_object(Bucket=BUCKET, Key="document", Body=b"{}")
    modified = s3.head_object(Bucket=BUCKET, Key="document")["LastModified"]
    before = modified.replace(year=modified.year - 1)
    assert [status(read, IfModifiedSince=date) for date in (modified, before)] == [304, 200]
    assert [status(read, IfUnmodifiedSince=date) for date in (modified, before)] == [200, 412]
