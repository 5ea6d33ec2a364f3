"""Tests which resources the emulated AWS provider creates in AWS, and its error messages for wrong properties."""

from __future__ import annotations

from typing import Any, cast

import boto3
import grpc
import pulumi_aws as aws
import pytest
from pulumi.runtime.proto import provider_pb2

from emulation.providers import schema, wire
from emulation.providers.server import provider

BUCKET = "urn:pulumi:local::edge::aws:s3/bucket:Bucket::b"
ENCRYPTION = (
    "urn:pulumi:local::edge::aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration::b"
)
TABLE = "urn:pulumi:local::edge::aws:dynamodb/table:Table::t"
VERSIONING = "urn:pulumi:local::edge::aws:s3/bucketVersioning:BucketVersioning::v"

TABLE_INPUTS: dict[str, Any] = {
    "name": "packages",
    "region": "us-east-1",
    "hashKey": "pk",
    "rangeKey": "sk",
    "attributes": [{"name": "pk", "type": "S"}, {"name": "sk", "type": "S"}],
    "billingMode": "PAY_PER_REQUEST",
    "pointInTimeRecovery": {"enabled": True},
    "deletionProtectionEnabled": True,
}


def client(service: str, region: str = "us-east-1") -> Any:
    return cast(Any, boto3).client(service, region_name=region)


class Refused(Exception):
    """Raised when the provider aborts a gRPC call. Contains the error message for the caller."""


class Context:
    """Replaces the context of a gRPC call in tests. Its method `abort` raises Refused."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise Refused(details)


@pytest.fixture
def cloud(aws_cloud: None) -> Any:
    return provider("aws")


def create(cloud: Any, urn: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    answer = cloud.Create(provider_pb2.CreateRequest(urn=urn, properties=wire.encode(inputs)), Context())
    return answer.id, wire.decode(answer.properties)


def read(cloud: Any, urn: str, id: str, inputs: dict[str, Any], state: dict[str, Any]) -> Any:
    return cloud.Read(
        provider_pb2.ReadRequest(urn=urn, id=id, inputs=wire.encode(inputs), properties=wire.encode(state)), Context()
    )


def reasons(resource: Any, inputs: dict[str, Any]) -> list[str]:
    return [failure.reason for failure in schema.check(resource, inputs)]


def test_an_unknown_property_is_named_with_what_is_accepted() -> None:
    (reason,) = reasons(aws.s3.Bucket, {"bucket": "b", "acll": "private"})
    assert reason.startswith("aws:s3/bucket:Bucket: unknown property 'acll' (accepted: ")
    assert " acl," in reason


def test_a_missing_property_is_named_also_where_nested() -> None:
    assert reasons(aws.s3.BucketPolicy, {"bucket": "b"}) == [
        "aws:s3/bucketPolicy:BucketPolicy: missing required property 'policy'"
    ]
    assert reasons(aws.dynamodb.Table, {"attributes": [{"name": "pk"}]}) == [
        "aws:dynamodb/table:Table: missing required property 'attributes[0].type'"
    ]


def test_a_resource_that_shares_its_name_with_a_nested_type_is_checked() -> None:
    inputs: dict[str, Any] = {"bucket": "b", "region": "eu-west-1", "versioningConfiguration": {"status": "Enabled"}}
    assert reasons(aws.s3.BucketVersioning, inputs) == []


def test_unknowns_and_secrets_pass_the_check() -> None:
    assert reasons(aws.s3.BucketPolicy, {"bucket": wire.UNKNOWN, "policy": wire.secret("{}")}) == []


def test_an_object_instead_of_a_string_is_refused() -> None:
    (reason,) = reasons(aws.s3.Bucket, {"bucket": ["b"]})
    assert reason == "aws:s3/bucket:Bucket: property 'bucket' is ['b'], expected str"


def test_a_type_without_a_handler_is_refused_by_name(cloud: Any) -> None:
    with pytest.raises(Refused, match="no resource type aws:chime/voiceConnector:VoiceConnector"):
        create(cloud, "urn:pulumi:local::edge::aws:chime/voiceConnector:VoiceConnector::q", {})


def test_a_function_without_a_handler_is_refused_by_name(cloud: Any) -> None:
    with pytest.raises(Refused, match="no function aws:ec2/getSpotPrice:getSpotPrice"):
        cloud.Invoke(provider_pb2.InvokeRequest(tok="aws:ec2/getSpotPrice:getSpotPrice"), Context())


def test_a_bucket_exists_in_its_region_until_it_is_deleted(cloud: Any) -> None:
    id, outputs = create(cloud, BUCKET, {"bucket": "blobs", "region": "eu-west-1", "tags": {"owner": "platform"}})
    s3 = client("s3", "eu-west-1")
    assert s3.get_bucket_location(Bucket="blobs")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_tagging(Bucket="blobs")["TagSet"] == [{"Key": "owner", "Value": "platform"}]
    assert outputs["bucketRegionalDomainName"] == "blobs.s3.eu-west-1.amazonaws.com"
    cloud.Delete(provider_pb2.DeleteRequest(urn=BUCKET, id=id, properties=wire.encode(outputs)), Context())
    assert s3.list_buckets()["Buckets"] == []
    assert read(cloud, BUCKET, id, {}, outputs).id == ""


def test_an_input_of_none_is_absent(cloud: Any) -> None:
    create(cloud, BUCKET, {"bucket": "written", "region": "us-east-1"})
    by_default = {"sseAlgorithm": "AES256", "kmsMasterKeyId": None}
    rules = [{"applyServerSideEncryptionByDefault": by_default, "bucketKeyEnabled": None}]
    create(cloud, ENCRYPTION, {"bucket": "written", "region": "us-east-1", "rules": rules})
    (kept,) = client("s3", "us-east-1").get_bucket_encryption(Bucket="written")["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    assert kept["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_a_bucket_with_objects_is_deleted_only_with_force_destroy(cloud: Any) -> None:
    inputs: dict[str, Any] = {"bucket": "blobs", "region": "us-east-1"}
    id, outputs = create(cloud, BUCKET, inputs)
    create(cloud, VERSIONING, {"bucket": id, "versioningConfiguration": {"status": "Enabled"}})
    s3 = client("s3", "us-east-1")
    s3.put_object(Bucket="blobs", Key="k", Body=b"1")
    s3.put_object(Bucket="blobs", Key="k", Body=b"2")

    def delete(state: dict[str, Any]) -> None:
        cloud.Delete(provider_pb2.DeleteRequest(urn=BUCKET, id=id, properties=wire.encode(state)), Context())

    with pytest.raises(Refused, match="BucketNotEmpty"):
        delete(outputs)
    delete({**outputs, "forceDestroy": True})
    assert s3.list_buckets()["Buckets"] == []


def test_refresh_shows_only_changes_made_outside_pulumi(cloud: Any) -> None:
    inputs: dict[str, Any] = {"bucket": "blobs", "region": "us-east-1", "tags": {"owner": "platform"}}
    id, outputs = create(cloud, BUCKET, inputs)
    assert wire.decode(read(cloud, BUCKET, id, inputs, outputs).inputs) == inputs
    client("s3", "us-east-1").put_bucket_tagging(
        Bucket="blobs", Tagging={"TagSet": [{"Key": "owner", "Value": "mallory"}]}
    )
    assert wire.decode(read(cloud, BUCKET, id, inputs, outputs).inputs) == {**inputs, "tags": {"owner": "mallory"}}


def test_versioning_suspended_outside_pulumi_is_drift(cloud: Any) -> None:
    create(cloud, BUCKET, {"bucket": "blobs", "region": "us-east-1"})
    inputs = {"bucket": "blobs", "region": "us-east-1", "versioningConfiguration": {"status": "Enabled"}}
    id, outputs = create(cloud, VERSIONING, inputs)
    client("s3", "us-east-1").put_bucket_versioning(Bucket="blobs", VersioningConfiguration={"Status": "Suspended"})
    assert wire.decode(read(cloud, VERSIONING, id, inputs, outputs).inputs)["versioningConfiguration"] == {
        "status": "Suspended"
    }


def test_a_table_is_what_its_inputs_say(cloud: Any) -> None:
    id, outputs = create(cloud, TABLE, TABLE_INPUTS)
    dynamodb = client("dynamodb", "us-east-1")
    assert dynamodb.describe_table(TableName=id)["Table"].get("DeletionProtectionEnabled") is True
    assert wire.decode(read(cloud, TABLE, id, TABLE_INPUTS, outputs).inputs) == TABLE_INPUTS
    dynamodb.update_continuous_backups(
        TableName=id, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    assert wire.decode(read(cloud, TABLE, id, TABLE_INPUTS, outputs).inputs)["pointInTimeRecovery"] == {
        "enabled": False
    }


def test_a_protected_table_cannot_be_deleted(cloud: Any) -> None:
    id, outputs = create(cloud, TABLE, TABLE_INPUTS)
    with pytest.raises(Refused, match="DeletionProtectionEnabled is set to True"):
        cloud.Delete(provider_pb2.DeleteRequest(urn=TABLE, id=id, properties=wire.encode(outputs)), Context())


def test_a_secret_input_stays_secret(cloud: Any) -> None:
    _, outputs = create(cloud, BUCKET, {"bucket": "blobs", "tags": {"contact": wire.secret("alice@example.org")}})
    assert wire.is_secret(outputs["tags"])
    tags = client("s3").get_bucket_tagging(Bucket="blobs")["TagSet"]
    assert tags == [{"Key": "contact", "Value": "alice@example.org"}]


def test_a_preview_creates_nothing_and_leaves_the_unknown_unknown(cloud: Any) -> None:
    request = provider_pb2.CreateRequest(urn=BUCKET, properties=wire.encode({"bucket": "blobs"}), preview=True)
    outputs = wire.decode(cloud.Create(request, Context()).properties)
    assert outputs["bucket"] == "blobs"
    assert outputs["arn"] == wire.UNKNOWN
    assert client("s3", "us-east-1").list_buckets()["Buckets"] == []


def test_a_changed_name_replaces_and_a_changed_tag_updates(cloud: Any) -> None:
    def diff(old: dict[str, Any], new: dict[str, Any]) -> Any:
        return cloud.Diff(
            provider_pb2.DiffRequest(urn=BUCKET, old_inputs=wire.encode(old), news=wire.encode(new)), Context()
        )

    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    assert diff({"bucket": "a"}, {"bucket": "a"}).changes == none
    assert list(diff({"bucket": "a"}, {"bucket": "b"}).replaces) == ["bucket"]
    tagged = diff({"bucket": "a"}, {"bucket": "a", "tags": {"k": "v"}})
    assert (tagged.changes, list(tagged.replaces), list(tagged.diffs)) == (some, [], ["tags"])


def test_the_order_of_a_tables_replicas_is_no_change(cloud: Any) -> None:
    def changes(old: list[str], new: list[str]) -> Any:
        inputs = [wire.encode({"replicas": [{"regionName": region} for region in each]}) for each in (old, new)]
        request = provider_pb2.DiffRequest(urn=TABLE, old_inputs=inputs[0], news=inputs[1])
        return cloud.Diff(request, Context()).changes

    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    assert changes(["eu-west-1", "ap-southeast-1"], ["ap-southeast-1", "eu-west-1"]) == none
    assert changes(["eu-west-1", "ap-southeast-1"], ["eu-west-1"]) == some
    assert changes(["eu-west-1"], ["eu-west-1", "eu-west-1"]) == none


def test_the_providers_region_is_inherited_only_where_accepted(cloud: Any) -> None:
    cloud.Configure(provider_pb2.ConfigureRequest(args=wire.encode({"region": "eu-west-1"})), Context())
    checked = cloud.Check(provider_pb2.CheckRequest(urn=BUCKET, news=wire.encode({"bucket": "b"})), Context())
    assert wire.decode(checked.inputs)["region"] == "eu-west-1"
