"""Tests the encryption keys that the Pulumi program creates. The tests read the keys from the emulated KMS of each
region.
"""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from emulation.providers.aws import functions, handlers
from emulation.providers.aws.clients import client
from emulation.providers.handler import CloudError
from infra.keys import AwsKeysArgs
from infra.keys.aws import AwsKeys
from tests.support.aws_handlers import create, gone, handler
from tests.support.harness import Deployment, deploy

pytestmark = pytest.mark.usefixtures("aws_cloud")

READER = "arn:aws:iam::123456789012:role/artifact-edge-test-shield"
ALIAS = "alias/artifact-edge-test"


def keys(*regions: str) -> Deployment:
    def program() -> None:
        made = AwsKeys("keys", AwsKeysArgs("artifact-edge-test", regions, [READER], deletion_days=7))
        pulumi.export("arns", dict(made.arns))

    return deploy(program, handlers(), functions(), config={"aws:region": regions[0]})


def described(region: str) -> dict[str, Any]:
    return client("kms", {"region": region}).describe_key(KeyId=ALIAS)["KeyMetadata"]


def policy(region: str) -> dict[str, dict[str, Any]]:
    text = client("kms", {"region": region}).get_key_policy(KeyId=described(region)["KeyId"], PolicyName="default")
    return {statement["Sid"]: statement for statement in json.loads(text["Policy"])["Statement"]}


def test_one_key_is_in_every_region_with_one_alias() -> None:
    deployment = keys("us-east-1", "eu-west-1", "ap-southeast-1")
    primary = described("us-east-1")
    assert primary["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
    assert client("kms").get_key_rotation_status(KeyId=primary["KeyId"])["KeyRotationEnabled"] is True
    for region in ("eu-west-1", "ap-southeast-1"):
        replica = described(region)
        assert replica["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA"
        assert (replica["KeyId"], replica["Enabled"]) == (primary["KeyId"], True)
    assert deployment.outputs["arns"] == {
        region: described(region)["Arn"] for region in ("us-east-1", "eu-west-1", "ap-southeast-1")
    }
    assert deployment.outputs["arns"]["eu-west-1"].startswith("arn:aws:kms:eu-west-1:123456789012:key/mrk-")


def test_the_key_is_usable_only_through_its_regions_stores() -> None:
    keys("us-east-1", "eu-west-1")
    for region in ("us-east-1", "eu-west-1"):
        statements = policy(region)
        services = {
            sid: statement["Condition"]["StringEquals"]["kms:ViaService"]
            for sid, statement in statements.items()
            if sid != "Administer"
        }
        assert services == {
            "UseThroughS3": f"s3.{region}.amazonaws.com",
            "UseThroughDynamoDb": f"dynamodb.{region}.amazonaws.com",
            "ReadThroughS3": f"s3.{region}.amazonaws.com",
        }
        assert statements["UseThroughDynamoDb"]["Condition"]["StringEquals"]["kms:CallerAccount"] == "123456789012"


def test_readers_decrypt_the_stacks_objects_and_administrators_none() -> None:
    keys("us-east-1")
    reads, administers = policy("us-east-1")["ReadThroughS3"], policy("us-east-1")["Administer"]
    assert (reads["Principal"], reads["Action"]) == ({"AWS": [READER]}, "kms:Decrypt")
    assert reads["Condition"]["StringLike"] == {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::artifact-edge-test-*"}
    assert administers["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    uses = ("Decrypt", "Encrypt", "GenerateDataKey", "ReEncrypt", "CreateGrant", "*")
    assert not [action for action in administers["Action"] if action.removeprefix("kms:").startswith(uses)]


def test_a_key_changes_in_place_and_waits_for_its_deletion() -> None:
    key = create(aws.kms.Key, multiRegion=True, description="one", enableKeyRotation=False, tags={"owner": "platform"})
    kms = client("kms", key.outputs)
    wanted = {**key.outputs, "description": "two", "enableKeyRotation": True, "isEnabled": False, "tags": {"a": "b"}}
    assert handler(aws.kms.Key).update(key.id, key.outputs, wanted)["description"] == "two"
    assert kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"] is True
    assert kms.describe_key(KeyId=key.id)["KeyMetadata"]["KeyState"] == "Disabled"
    assert kms.list_resource_tags(KeyId=key.id)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    assert gone(aws.kms.Key, key)
    assert kms.describe_key(KeyId=key.id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    handler(aws.kms.Key).delete(key.id, key.outputs)  # Deletes a key that is already deleted. This must raise no error.


def test_a_replica_has_a_separate_policy_in_another_region() -> None:
    key = create(aws.kms.Key, multiRegion=True, policy='{"Version": "2012-10-17", "Statement": []}')
    mine = '{"Version": "2012-10-17", "Statement": [{"Sid": "Mine"}]}'
    replica = create(aws.kms.ReplicaKey, region="us-west-2", primaryKeyArn=key.outputs["arn"], policy=mine)
    assert handler(aws.kms.Key).read(key.id, key.outputs) == key.outputs
    with pytest.raises(CloudError, match="eu-west-1"):
        handler(aws.kms.ReplicaKey).create({"region": "eu-west-1", "primaryKeyArn": key.outputs["arn"]})
    alias = create(aws.kms.Alias, name="alias/k", targetKeyId=key.id)
    other = create(aws.kms.Alias, name="alias/k", targetKeyId=replica.outputs["arn"], region="us-west-2")
    assert gone(aws.kms.Alias, other)
    assert handler(aws.kms.Alias).read(alias.id, alias.outputs) == alias.outputs
    assert gone(aws.kms.ReplicaKey, replica)
