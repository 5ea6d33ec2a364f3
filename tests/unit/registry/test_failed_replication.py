"""Tests that the registry finds objects whose replication failed, and that S3 replicates them after a retry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from registry.origin.failed_replication import FailedReplication
from tests.support.replicated_buckets import document_statement, replicated_buckets, settled, status, write_role

NOT_ENOUGH = [document_statement("s3:GetObjectVersionForReplication", "*")]
ENOUGH = [document_statement("s3:*", "*")]


@pytest.fixture
def s3() -> Iterator[Any]:
    """Provides an emulated S3 with three objects. The replication of two of them has failed, because the replication
    role has no permission to write replicas. The third object matches no replication rule.
    """
    with replicated_buckets() as client:
        write_role(client, NOT_ENOUGH)
        for key in ("kept/a", "kept/b", "other"):
            client.put_object(
                Bucket="source",
                Key=key,
                Body=key.encode(),
                ContentType="text/x-test",
                CacheControl="max-age=5",
                Metadata={"sha256": "1"},
            )
        settled(client)
        yield client


def test_only_objects_that_failed_are_found(s3: Any) -> None:
    replication = FailedReplication(s3, "source")
    assert [each.key for each in replication.find()] == ["kept/a", "kept/b"]
    assert [each.key for each in replication.find("kept/b")] == ["kept/b"]
    assert list(FailedReplication(s3, "replica").find()) == []


def test_a_failed_object_is_replicated_again_with_its_bytes_and_metadata(s3: Any) -> None:
    replication = FailedReplication(s3, "source")
    before = s3.head_object(Bucket="source", Key="kept/a")
    write_role(s3, ENOUGH)
    assert [replication.copy_again(each) for each in replication.find()] == [True, True]
    settled(s3)
    assert list(replication.find()) == []
    assert (status(s3, "source", "kept/a"), status(s3, "replica", "kept/a")) == ("COMPLETED", "REPLICA")
    for bucket in ("source", "replica"):
        found = s3.get_object(Bucket=bucket, Key="kept/a")
        assert found["Body"].read() == b"kept/a"
        assert (found["ContentType"], found["CacheControl"]) == ("text/x-test", "max-age=5")
        assert found["Metadata"] == before["Metadata"]


def test_an_object_that_changed_meanwhile_keeps_its_newer_version(s3: Any) -> None:
    replication = FailedReplication(s3, "source")
    found = {each.key: each for each in replication.find()}
    write_role(s3, ENOUGH)
    s3.put_object(Bucket="source", Key="kept/a", Body=b"newer")
    s3.delete_object(Bucket="source", Key="kept/b")
    assert not replication.copy_again(found["kept/a"])
    assert not replication.copy_again(found["kept/b"])
    settled(s3)
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"newer"
    listed = s3.list_objects_v2(Bucket="source")["Contents"]
    assert [each["Key"] for each in listed] == ["kept/a", "kept/before", "other"]
