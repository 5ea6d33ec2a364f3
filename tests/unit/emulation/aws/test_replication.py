"""Tests S3 replication on the emulated AWS, by boto3 over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, cast

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError
from moto.s3.models import S3Backend
from moto.server import (
    DomainDispatcherApplication,  # pyright: ignore[reportPrivateImportUsage]
    create_backend_app,  # pyright: ignore[reportPrivateImportUsage]
)
from werkzeug.serving import make_server

from emulation.aws import outages
from emulation.aws.outages import Outages
from emulation.aws.replication import PATH, Replication
from emulation.aws.replication_rules import put_bucket_replication
from emulation.aws.requests import S3Addresses
from infra.blobs import Bucket
from infra.blobs.s3_policies import replication
from infra.iam import assumed_by_service, document

ADDRESS = "127.92.0.1"
KEYS = {region: f"arn:aws:kms:{region}:123456789012:key/mrk-1" for region in ("us-east-1", "eu-west-1")}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Provides an S3 client of a separate server with three versioned buckets. The first bucket has a replication rule
    for `kept/`.
    """
    monkeypatch.setattr(S3Backend, "put_bucket_replication", put_bucket_replication)
    down = Outages(cast(Any, DomainDispatcherApplication)(create_backend_app))
    application = S3Addresses(Replication(down, down.is_down))
    server = make_server(ADDRESS, 0, cast(Any, application), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://{ADDRESS}:{server.server_port}"
    client = cast(Any, boto3).client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        for bucket, region in (("source", None), ("replica", "eu-west-1"), ("third", "eu-west-1")):
            placed = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region else {}
            client.create_bucket(Bucket=bucket, **placed)
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        write_role(client, [document_statement("s3:*", "*")])
        client.put_object(Bucket="source", Key="kept/before", Body=b"before the rule")
        # Without this wait, replication might first look at the object after the rule exists, and copy it.
        settled(client)
        replicate(client, "source", "replica")
        yield client
    finally:
        httpx.post(f"{url}/moto-api/reset")
        server.shutdown()
        server.server_close()


def document_statement(action: str, resource: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def write_role(s3: Any, statements: Sequence[Mapping[str, Any]]) -> None:
    """Creates the replication role, or replaces its permissions."""
    iam = cast(Any, boto3).client(
        "iam",
        region_name="us-east-1",
        endpoint_url=s3.meta.endpoint_url,
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(
            RoleName="replication", AssumeRolePolicyDocument=document(assumed_by_service("s3.amazonaws.com"))
        )
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="replication", PolicyName="replicate", PolicyDocument=policy)


def encrypt(s3: Any, bucket: str, region: str, *, bucket_key: bool) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEYS[region]}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": bucket_key}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def status(s3: Any, bucket: str, key: str) -> str | None:
    return s3.head_object(Bucket=bucket, Key=key).get("ReplicationStatus")


def replicate(client: Any, source: str, destination: str, encryption: Mapping[str, Any] | None = None) -> None:
    rule = {
        "ID": "all",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": "kept/"},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "Destination": {"Bucket": f"arn:aws:s3:::{destination}", **(encryption or {})},
    }
    configuration = {"Role": "arn:aws:iam::123456789012:role/replication", "Rules": [rule]}
    client.put_bucket_replication(Bucket=source, ReplicationConfiguration=configuration)


def settled(s3: Any) -> None:
    eventually(lambda: httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] == 0)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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
    )  # a new tag makes S3 check the replica for replication
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
    eventually(lambda: keys(s3, "replica") == ["kept/a"])
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"first"
    settled(s3)
    assert s3.get_object(Bucket="replica", Key="kept/a")["Body"].read() == b"second"


@pytest.mark.parametrize("how", ["503", "reset"])
def test_only_the_region_that_is_down_fails(s3: Any, how: str) -> None:
    s3.put_object(Bucket="replica", Key="there", Body=b"x")
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={"eu-west-1": how}).raise_for_status()
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
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={"eu-west-1": "503"})
    s3.put_object(Bucket="source", Key="kept/a", Body=b"x")
    time.sleep(0.5)
    assert httpx.get(s3.meta.endpoint_url + PATH).json()["pending"] >= 1
    httpx.put(s3.meta.endpoint_url + outages.PATH, json={})
    settled(s3)
    assert keys(s3, "replica") == ["kept/a"]


@pytest.mark.parametrize("outage", [{"us-east-1": "on fire"}, ["us-east-1"]])
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
