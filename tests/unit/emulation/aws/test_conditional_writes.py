"""Sends two conditional writes to the emulated S3 at the same time. Tests that only one of them succeeds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import S3Backend

pytestmark = pytest.mark.usefixtures("aws_cloud")


def test_only_one_of_two_simultaneous_writers_creates_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    s3: Any = cast(Any, boto3).client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="packages")
    put: Any = S3Backend.put_object
    is_checked, second_is_done = threading.Event(), threading.Event()

    def slow(*arguments: Any, **more: Any) -> Any:
        if not is_checked.is_set():
            is_checked.set()
            second_is_done.wait(0.5)
        return put(*arguments, **more)

    def write(body: bytes) -> int:
        try:
            s3.put_object(Bucket="packages", Key="document", Body=body, IfNoneMatch="*")
        except ClientError as error:
            return cast(Any, error.response)["ResponseMetadata"]["HTTPStatusCode"]
        return 200

    monkeypatch.setattr(S3Backend, "put_object", slow)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(write, b"first")
        assert is_checked.wait(60)
        second = write(b"second")
        second_is_done.set()
        assert (first.result(), second) == (200, 412)
    assert s3.get_object(Bucket="packages", Key="document")["Body"].read() == b"first"
