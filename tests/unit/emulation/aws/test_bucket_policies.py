"""Tests how the emulated S3 evaluates bucket policies with conditions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.s3 import models

from emulation.aws.bucket_policies import patch_bucket_policies
from emulation.aws.conditions import UnknownCondition


@pytest.fixture
def s3(aws_cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    moto = cast(Any, models.FakeBucket)
    # `patch_bucket_policies` replaces this method of moto. The call of `setattr` keeps the method as it is, but makes
    # pytest restore moto's method after the test.
    monkeypatch.setattr(moto, "get_permission", moto.get_permission)
    patch_bucket_policies()
    client = cast(Any, boto3).client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="policed")
    yield client


def deny(s3: Any, condition: dict[str, dict[str, str]] | None) -> None:
    statement: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::policed/*",
    }
    if condition is not None:
        statement["Condition"] = condition
    s3.put_bucket_policy(Bucket="policed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


@pytest.mark.parametrize(
    "condition", [{"Bool": {"aws:SecureTransport": "false"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}]
)
def test_a_deny_for_plain_text_does_not_apply_over_tls(s3: Any, condition: dict[str, dict[str, str]]) -> None:
    deny(s3, condition)
    s3.put_object(Bucket="policed", Key="k", Body=b"x")
    assert s3.get_object(Bucket="policed", Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize("condition", [None, {"Bool": {"aws:SecureTransport": "true"}}])
def test_an_unconditional_deny_applies(s3: Any, condition: dict[str, dict[str, str]] | None) -> None:
    deny(s3, condition)
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket="policed", Key="k", Body=b"x")


def test_a_statement_for_a_service_does_not_apply_to_other_principals(s3: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::policed/*",
        "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::logged"}},
    }
    s3.put_bucket_policy(Bucket="policed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket="policed", Key="k", Body=b"x")
    assert s3.get_object(Bucket="policed", Key="k")["Body"].read() == b"x"


def test_an_unknown_condition_denies_access(s3: Any) -> None:
    deny(s3, {"StringEquals": {"aws:PrincipalOrgID": "o-1"}})
    with pytest.raises(UnknownCondition, match="StringEquals aws:PrincipalOrgID"):
        s3.put_object(Bucket="policed", Key="k", Body=b"x")
