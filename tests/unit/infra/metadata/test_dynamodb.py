"""Tests the tables of the DynamoDB metadata database. The tests deploy the database to an emulated AWS account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from emulation.aws.global_tables import PROPAGATION
from emulation.providers.aws import clients, functions, handlers
from infra.keys import AwsKeysArgs
from infra.keys.aws import AwsKeys
from infra.metadata import Capacity, MetadataArgs
from infra.metadata.dynamodb import DynamoDbMetadata
from tests.support.harness import Deployment, aws_account, deploy

TABLE = "artifact-edge-test-metadata"
REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-1"]


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with aws_account():
        yield


def client(service: str, region: str = "us-east-1") -> Any:
    return clients.client(service, {"region": region})


def up(regions: list[str] = REGIONS, *, protect: bool = True, capacity: Capacity | None = None) -> Deployment:
    def program() -> None:
        keys = AwsKeys("keys", AwsKeysArgs("artifact-edge-test", regions, [], 7))
        args = MetadataArgs("artifact-edge-test", regions, protect=protect, keys=keys.arns, capacity=capacity)
        made = DynamoDbMetadata("metadata", args)
        pulumi.export("table", made.table)
        pulumi.export("keys", keys.arns)

    return deploy(program, handlers(), functions(), config={"aws:region": "us-east-1"})


def table(region: str) -> Any:
    return client("dynamodb", region).describe_table(TableName=TABLE)["Table"]


def recovery(region: str) -> str:
    backups = client("dynamodb", region).describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]
    return backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]


@pytest.mark.parametrize("protect", [True, False])
def test_each_region_has_the_complete_table_with_its_own_key(protect: bool) -> None:
    deployment = up(protect=protect)
    assert deployment.outputs["table"] == TABLE
    for region in REGIONS:
        there = table(region)
        assert [(key["AttributeName"], key["KeyType"]) for key in there["KeySchema"]] == [
            ("pk", "HASH"),
            ("sk", "RANGE"),
        ]
        assert there["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert there["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        assert there["DeletionProtectionEnabled"] is protect
        assert there["SSEDescription"]["KMSMasterKeyArn"] == deployment.outputs["keys"][region]
        assert f":{region}:" in there["SSEDescription"]["KMSMasterKeyArn"]
        assert recovery(region) == "ENABLED"
        assert {replica["RegionName"] for replica in there["Replicas"]} == {*REGIONS} - {region}
    ttl = client("dynamodb").describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires", "ENABLED")


def test_a_write_in_one_region_is_read_in_the_others() -> None:
    up(protect=False)
    item = {"pk": {"S": "tokens"}, "sk": {"S": "a"}, "version": {"N": "1"}}
    client("dynamodb", "eu-west-1").put_item(TableName=TABLE, Item=item)
    PROPAGATION.wait()
    key = {name: item[name] for name in ("pk", "sk")}
    for region in REGIONS:
        assert client("dynamodb", region).get_item(TableName=TABLE, Key=key)["Item"] == item


def test_a_single_region_has_no_replica() -> None:
    up(["eu-west-1"])
    assert "Replicas" not in table("eu-west-1")


def scaling(region: str) -> dict[str, tuple[int, int, float]]:
    """Returns the settings for the automatic scaling of the metadata table in a region. The keys are scalable
    dimensions, such as `dynamodb:table:ReadCapacityUnits`. The values are the minimum capacity, the maximum capacity
    and the target utilization.
    """
    api = client("application-autoscaling", region)
    targets = api.describe_scalable_targets(ServiceNamespace="dynamodb")["ScalableTargets"]
    policies = api.describe_scaling_policies(ServiceNamespace="dynamodb")["ScalingPolicies"]
    aims = {
        policy["ScalableDimension"]: policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for policy in policies
        if policy["ResourceId"] == f"table/{TABLE}"
    }
    return {
        target["ScalableDimension"]: (
            target["MinCapacity"],
            target["MaxCapacity"],
            aims[target["ScalableDimension"]],
        )
        for target in targets
        if target["ResourceId"] == f"table/{TABLE}"
    }


def test_capacity_scales_with_use_in_every_region() -> None:
    up(capacity=Capacity(reads=(5, 100), writes=(6, 60), target=70))
    for region in REGIONS:
        there = table(region)
        assert there["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
        assert there["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
        assert there["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
        assert there["DeletionProtectionEnabled"] is True
        assert recovery(region) == "ENABLED"
        assert {replica["RegionName"] for replica in there["Replicas"]} == {*REGIONS} - {region}
        assert scaling(region) == {
            "dynamodb:table:ReadCapacityUnits": (5, 100, 70.0),
            "dynamodb:table:WriteCapacityUnits": (6, 60, 70.0),
        }
