"""Tests S3 replication on the emulated AWS, with boto3 over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from emulation.aws import outages
from emulation.aws.replication import PATH
from infra.blobs import Bucket
from infra.blobs.s3_policies import replication
from tests.support.replicated_buckets import (
    document_statement,
    replicate,
    replicated_buckets,
    settled,
    status,
    write_role,
)

KEYS = {region: f"arn:aws:kms:{region}:123456789012:key/mrk-1" for region in ("us-east-1", "eu-west-1")}


@pytest.fixture
def s3() -> Iterator[Any]:
    with replicated_buckets() as client:
        yield client


def encrypt(s3: Any, bucket: str, region: str, *, bucket_key: bool) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEYS[region]}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def keys(s3: Any, bucket: str) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_a_new_object_is_copied_with_its_metadata(s3: Any) -> None:
    put = s3.put_object(
        Bucket="source",
        Key="kept/a b",
        Body=b"x" * 1000,
        ContentType="a/b",
        CacheControl="public",
        Metadata={"digest": "d"},
    )
    settled(s3)
    copied = s3.get_object(Bucket="replica", Key="kept/a b")
    assert copied["Body"].read() == b"x" * 1000
    assert (copied["ContentType"], copied["CacheControl"], copied["Metadata"]) == ("a/b", "public", {"digest": "d"})
    assert copied["VersionId"] == put["VersionId"]


def test_only_objects_that_match_the_rule_and_are_newer_are_copied(s3: Any) -> None:
    s3.put_object(Bucket="source", Key="other/a", Body=b"x")
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    settled(s3)
    assert keys(s3, "replica") == ["kept/a"]


def test_deletions_are_copied_as_markers(s3: Any) -> None:
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    settled(s3)
    s3.delete_object(Bucket="source", Key="kept/a")
    settled(s3)
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="replica", Key="kept/a")
    assert len(s3.list_object_versions(Bucket="replica")["DeleteMarkers"]) == 1
    assert len(s3.list_object_versions(Bucket="replica")["Versions"]) == 1


def test_replicas_are_not_replicated_again(s3: Any) -> None:
    replicate(s3, "replica", "third")
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    settled(s3)
    s3.put_object_tagging(
        Bucket="replica", Key="kept/a", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
    )  # a changed tag makes S3 evaluate the replication rules again, which must not select this replica
    settled(s3)
    assert keys(s3, "replica") == ["kept/a"]
    assert keys(s3, "third") == []
    s3.put_object(Bucket="replica", Key="kept/own", Body=b"x")
    settled(s3)
    assert keys(s3, "third") == ["kept/own"]


def test_copies_wait_while_replication_is_paused(s3: Any) -> None:
    assert httpx.put(s3.meta.endpoint_url + PATH, json={"paused": True}).json()["paused"]
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    assert httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] >= 1
    assert keys(s3, "replica") == []
    assert httpx.put(s3.meta.endpoint_url + PATH, json={"lag": 3}).status_code == 400
    httpx.put(s3.meta.endpoint_url + PATH, json={"paused": False})
    settled(s3)
    assert keys(s3, "replica") == ["kept/a"]


def test_a_copy_waits_for_the_lag_and_has_the_version_of_its_write(s3: Any) -> None:
    s3.put_object(Bucket="source", Key="kept/a", Body=b"old")
    settled(s3)
    assert httpx.put(s3.meta.endpoint_url + PATH, json={"lag_seconds": 3600}).json()["lag_seconds"] == 3600
    s3.put_object(Bucket="source", Key="kept/a", Body=b"new")
    time.sleep(0.5)
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"old"
    assert httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] == 1
    httpx.put(s3.meta.endpoint_url + PATH, json={"lag_seconds": 0})
    settled(s3)
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"new"


def test_a_copy_does_not_contain_a_later_version(s3: Any) -> None:
    httpx.put(s3.meta.endpoint_url + PATH, json={"lag_seconds": 2})
    s3.put_object(Bucket="source", Key="kept/a", Body=b"first")
    time.sleep(1)
    s3.put_object(Bucket="source", Key="kept/a", Body=b"second")
    settled(s3)
    versions = s3.list_object_versions(Bucket="replica", Prefix="kept/a")["Versions"]
    found = [s3.get_object(Bucket="replica", Key="kept/a", VersionId=each["VersionId"]) for each in versions]
    assert sorted(each["Body"].read() for each in found) == [b"first", b"second"]
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"second"


@pytest.mark.parametrize("how", ["503", "reset"])
def test_only_the_region_that_is_down_fails(s3: Any, how: str) -> None:
    s3.put_object(Bucket="replica", Key="there", Body=b"x")
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={"s3": {"eu-west-1": how}}).raise_for_status()
    gone: Any = ClientError if how == "503" else (ConnectionClosedError, EndpointConnectionError)
    for bucket in ("replica", "third"):
        with pytest.raises(gone, match="ServiceUnavailable" if how == "503" else "onnect"):
            s3.get_object(Bucket=bucket, Key="there")
        by_host = {"Host": f"{bucket}.s3.eu-west-1.amazonaws.com"}
        if how == "503":
            assert httpx.get(f"{s3.meta.endpoint_url}/there", headers=by_host).status_code == 503
        else:
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{s3.meta.endpoint_url}/there", headers=by_host)
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    assert keys(s3, "source") == ["kept/a", "kept/before"]
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={}).raise_for_status()
    assert s3.get_object(Bucket="replica", Key="there")["Body"].read() == b"x"


def test_a_replica_that_was_down_receives_missed_writes(s3: Any) -> None:
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={"s3": {"eu-west-1": "503"}})
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    time.sleep(0.5)
    assert httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] >= 1
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={})
    settled(s3)
    assert keys(s3, "replica") == ["kept/a"]


@pytest.mark.parametrize("outage", [{"s3": {"us-east-1": "on fire"}}, {"s3": "503"}, ["us-east-1"]])
def test_an_unknown_kind_of_outage_is_refused(s3: Any, outage: object) -> None:
    assert httpx.put(s3.meta.endpoint_url + outages.PATH, json=outage).status_code == 400


def test_an_object_that_the_role_may_not_copy_stays_failed(s3: Any) -> None:
    write_role(s3, [document_statement("s3:GetObjectVersionForReplication", "*")])
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    settled(s3)
    assert keys(s3, "replica") == []
    assert status(s3, "source", "kept/a") == "FAILED"
    write_role(s3, [document_statement("s3:*", "*")])
    s3.put_object(Bucket="source", Key="kept/b", Body=b"x")
    settled(s3)
    assert keys(s3, "replica") == ["kept/b"]
    assert (status(s3, "source", "kept/a"), status(s3, "source", "kept/b")) == ("FAILED", "COMPLETED")
    assert status(s3, "replica", "kept/b") == "REPLICA"


@pytest.mark.parametrize("bucket_key", [False, True])
def test_the_programs_role_copies_objects_that_kms_keys_encrypt(s3: Any, bucket_key: bool) -> None:
    places = [Bucket("source", "us-east-1", ""), Bucket("replica", "eu-west-1", "")]
    write_role(s3, list(replication(places, list(KEYS.values()))))
    for place in places:
        encrypt(s3, place.name, place.region, bucket_key=bucket_key)
    replicate(s3, "source", "replica", {"EncryptionConfiguration": {"ReplicaKmsKeyID": KEYS["eu-west-1"]}})
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    settled(s3)
    assert status(s3, "source", "kept/a") == "COMPLETED"
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"x"


def test_a_rule_to_a_missing_or_unversioned_bucket_is_refused(s3: Any) -> None:
    s3.create_bucket(Bucket="unversioned")
    with pytest.raises(ClientError, match=r"InvalidRequest.*Destination bucket must have versioning enabled"):
        replicate(s3, "source", "unversioned")
    with pytest.raises(ClientError, match=r"InvalidRequest.*Destination bucket must exist"):
        replicate(s3, "source", "nowhere")


def test_a_copy_checks_the_condition_of_its_destination(s3: Any) -> None:
    s3.put_object(Bucket="source", Key="a", Body=b"now")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.copy_object(Bucket="source", Key="a", CopySource={"Bucket": "source", "Key": "kept/before"}, IfMatch='"0"')
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.copy_object(Bucket="source", Key="b", CopySource={"Bucket": "source", "Key": "kept/before"}, IfMatch='"0"')
    assert s3.get_object(Bucket="source", Key="a")["Body"].read() == b"now"
