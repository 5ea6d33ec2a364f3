"""Tests the settings of the origin's S3 buckets and DynamoDB table. Each test runs the Pulumi program, and reads the
settings from the emulated AWS.

The last test reads the statements of the Spanner schema.
"""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from infra.blobs import BlobsArgs
from infra.blobs.s3 import S3Blobs
from infra.metadata import MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from infra.metadata.spanner import statements
from tests.support.harness import Deployment, deploy

pytestmark = pytest.mark.usefixtures("aws_cloud")

PRIMARY, REPLICA = "artifact-edge-test-example-us-east-1", "artifact-edge-test-example-eu-west-1"
READER = "arn:aws:iam::123456789012:role/artifact-edge-test-shield"


def key(region: str) -> str:
    return f"arn:aws:kms:{region}:123456789012:key/mrk-1"


def blobs(*regions: str, removable: bool = False) -> Deployment:
    def program() -> None:
        keys = {region: key(region) for region in regions}
        S3Blobs("blobs", BlobsArgs("artifact-edge-test-example", regions, [READER], keys, 9, None, 90, removable))

    return deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def test_each_region_has_a_versioned_encrypted_private_bucket() -> None:
    blobs("us-east-1", "eu-west-1")
    for name, region in ((PRIMARY, "us-east-1"), (REPLICA, "eu-west-1")):
        s3 = client("s3", {"region": region})
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == (None if region == "us-east-1" else region)
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
        rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key(region)}
        assert rule["BucketKeyEnabled"] is True
        assert set(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values()) == {True}
        ownership = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
        assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_the_bucket_policy_lets_shields_get_and_list_and_refuses_clear_text() -> None:
    blobs("us-east-1")
    policy = json.loads(client("s3").get_bucket_policy(Bucket=PRIMARY)["Policy"])
    by_sid = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert by_sid["Get"]["Principal"] == by_sid["List"]["Principal"] == {"AWS": [READER]}
    assert (by_sid["Get"]["Action"], by_sid["Get"]["Resource"]) == ("s3:GetObject", f"arn:aws:s3:::{PRIMARY}/*")
    assert (by_sid["List"]["Action"], by_sid["List"]["Resource"]) == ("s3:ListBucket", f"arn:aws:s3:::{PRIMARY}")
    assert by_sid["RefusePlainText"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {by_sid[sid]["Effect"] for sid in ("RefusePlainText", "RefuseOldTls")} == {"Deny"}


def test_the_primary_is_replicated_to_every_other_region_deletions_included() -> None:
    deployment = blobs("us-east-1", "eu-west-1", "ap-southeast-1")
    configuration = client("s3").get_bucket_replication(Bucket=PRIMARY)["ReplicationConfiguration"]
    rules = {rule["Destination"]["Bucket"]: rule for rule in configuration["Rules"]}
    assert set(rules) == {f"arn:aws:s3:::{REPLICA}", "arn:aws:s3:::artifact-edge-test-example-ap-southeast-1"}
    assert len({rule["Priority"] for rule in rules.values()}) == 2
    requested_rules = deployment.of(aws.s3.BucketReplicationConfig)["replication"].inputs[
        "rules"
    ]  # Reads the inputs of the Pulumi resource, because moto does not store the replication of delete markers.
    assert [rule["deleteMarkerReplication"] for rule in requested_rules] == [{"status": "Enabled"}] * 2
    role = client("iam").get_role_policy(RoleName="artifact-edge-test-example-replication", PolicyName="replicate")
    allowed = {str(statement["Action"]): statement for statement in role["PolicyDocument"]["Statement"]}
    writes = allowed["['s3:ReplicateObject', 's3:ReplicateDelete', 's3:ReplicateTags']"]
    assert set(writes["Resource"]) == {f"{bucket}/*" for bucket in rules}
    with pytest.raises(ClientError, match="ReplicationConfigurationNotFoundError"):
        client("s3", {"region": "eu-west-1"}).get_bucket_replication(Bucket=REPLICA)


def test_a_single_region_is_not_replicated() -> None:
    assert not blobs("us-east-1").of(aws.s3.BucketReplicationConfig)


def test_old_versions_and_abandoned_uploads_expire() -> None:
    blobs("us-east-1")
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=PRIMARY)["Rules"]
    by_id = {rule["ID"]: rule for rule in rules}
    assert by_id["noncurrent-versions"]["NoncurrentVersionExpiration"]["NoncurrentDays"] == 9
    assert by_id["abandoned-uploads"]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 7


@pytest.mark.parametrize("removable", [True, False])
def test_only_a_removable_bucket_goes_with_its_objects(removable: bool) -> None:
    bucket = blobs("us-east-1", removable=removable).of(aws.s3.Bucket)["us-east-1"]
    assert bucket.inputs["forceDestroy"] is removable


@pytest.mark.parametrize("protect", [True, False])
def test_the_table_is_global_backed_up_and_streamed(protect: bool) -> None:
    def program() -> None:
        made = DynamoDbMetadata(
            "metadata", MetadataArgs("artifact-edge-test", ["us-east-1", "eu-west-1"], protect=protect)
        )
        pulumi.export("table", made.table)

    deployment = deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})
    assert deployment.outputs == {"table": "artifact-edge-test-metadata"}
    dynamodb = client("dynamodb")
    table = dynamodb.describe_table(TableName="artifact-edge-test-metadata")["Table"]
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["DeletionProtectionEnabled"] is protect
    # The test reads the replicas from the inputs of the Pulumi resource, because moto does not implement replicas of
    # tables.
    replicas = deployment.of(aws.dynamodb.Table)["metadata"].inputs["replicas"]
    assert [(replica["regionName"], replica["deletionProtectionEnabled"]) for replica in replicas] == [
        ("eu-west-1", protect)
    ]
    backups = dynamodb.describe_continuous_backups(TableName="artifact-edge-test-metadata")
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    ttl = dynamodb.describe_time_to_live(TableName="artifact-edge-test-metadata")["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires", "ENABLED")


def test_the_spanner_schema_is_split_into_its_statements() -> None:
    directory = Path(__file__).parents[4] / "infra" / "metadata"
    (table,) = statements((directory / "schema.sql").read_text())
    expiry, stream = statements((directory / "spanner-only.sql").read_text())
    assert table.startswith("CREATE TABLE items (")
    assert expiry.endswith("ON expires")
    assert stream.startswith("CREATE CHANGE STREAM items_changes FOR items")
    assert "--" not in table + stream
