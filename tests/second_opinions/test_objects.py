"""Tests the contract of object stores (their required behaviour) on versitygw, an independent implementation of the
S3 API.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from registry.origin import ObjectStore
from registry.origin.s3 import S3
from tests.second_opinions.servers import expect_differences, versitygw
from tests.support.object_store_contract import ObjectStoreContract
from tests.support.s3_bucket import versioned_bucket

# The tests that versitygw fails, each with the difference between versitygw and S3. For each case, docs/fidelity.md
# cites S3's documentation.
DIFFERENCES = {
    "test_a_removed_key_can_be_written_again": "versitygw counts a delete marker as an object for `If-None-Match: *`",
    "test_a_missing_object_is_not_copied": "versitygw answers NoSuchVersion instead of NoSuchKey",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with versitygw(tmp_path) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        yield S3(versioned_bucket("store"), "store")


@pytest.fixture(autouse=True)
def differences(request: pytest.FixtureRequest) -> None:
    expect_differences(request, DIFFERENCES)


class TestObjectsOnVersitygw(ObjectStoreContract):
    pass
