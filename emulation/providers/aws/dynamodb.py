"""Emulates how Pulumi's AWS provider manages DynamoDB tables, with point-in-time recovery, encryption, streams, expiry
of items (TTL), deletion protection, and replicas in other regions.
"""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client, tag_list, tag_map
from emulation.providers.aws.dynamodb_replicas import change_replicas, replica_outputs
from emulation.providers.handler import Created, HoldsSets, Properties


class Table(HoldsSets):
    """Creates, reads, changes and deletes DynamoDB tables and their replicas (the Pulumi resource type
    `aws:dynamodb/table:Table`). The emulated AWS itself copies items between the replicas
    (`emulation/aws/global_tables.py`).
    """

    resource: type[pulumi.CustomResource] = aws.dynamodb.Table
    replace_on = frozenset({"name", "region", "hashKey", "rangeKey", "attributes"})
    # The order of the elements in the properties `attributes` and `replicas` does not matter. The Terraform provider's
    # schema of aws_dynamodb_table has the type TypeSet for both properties.
    sets = frozenset({"attributes", "replicas"})

    def create(self, inputs: Properties) -> Created:
        dynamodb = client("dynamodb", inputs)
        request: dict[str, Any] = {
            "TableName": inputs["name"],
            "AttributeDefinitions": [
                {"AttributeName": attribute["name"], "AttributeType": attribute["type"]}
                for attribute in inputs["attributes"]
            ],
            "KeySchema": _key_schema(inputs),
            "DeletionProtectionEnabled": inputs.get("deletionProtectionEnabled", False),
            "Tags": tag_list(inputs.get("tags")),
        }
        request.update(_throughput(inputs), **_stream(inputs), **_encryption(inputs))
        dynamodb.create_table(**request)
        _put_recovery_and_expiry(dynamodb, inputs["name"], inputs)
        change_replicas(dynamodb, inputs["name"], [], inputs.get("replicas", []))
        return Created(inputs["name"], {**inputs, **_outputs(dynamodb, inputs["name"])})

    def read(self, id: str, state: Properties) -> Properties | None:
        dynamodb = client("dynamodb", state)
        try:
            outputs = _outputs(dynamodb, id)
        except dynamodb.exceptions.ResourceNotFoundException:
            return None
        recovery = dynamodb.describe_continuous_backups(TableName=id)["ContinuousBackupsDescription"]
        enabled = recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        tags = tag_map(dynamodb.list_tags_of_resource(ResourceArn=outputs["arn"])["Tags"])
        read = {**state, **outputs, "tags": tags or None}
        if "pointInTimeRecovery" in state or enabled:
            read["pointInTimeRecovery"] = {**state.get("pointInTimeRecovery", {}), "enabled": enabled}
        if "serverSideEncryption" in state:
            read["serverSideEncryption"] = _encryption_outputs(dynamodb, id, state["serverSideEncryption"])
        if "replicas" in state:
            read["replicas"] = replica_outputs(dynamodb, id, state["replicas"])
        return read

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        dynamodb = client("dynamodb", new)
        protected = new.get("deletionProtectionEnabled", False)
        if _outputs(dynamodb, id)["deletionProtectionEnabled"] != protected:
            dynamodb.update_table(TableName=id, DeletionProtectionEnabled=protected)
        if new.get("streamEnabled", False) != old.get("streamEnabled", False):
            change = _stream(new) or {"StreamSpecification": {"StreamEnabled": False}}
            dynamodb.update_table(TableName=id, **change)
        for change in (_throughput, _encryption):
            if change(new) != change(old):
                dynamodb.update_table(TableName=id, **change(new))
        _put_recovery_and_expiry(dynamodb, id, new)
        change_replicas(dynamodb, id, old.get("replicas", []), new.get("replicas", []))
        arn = _outputs(dynamodb, id)["arn"]
        present = [tag["Key"] for tag in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]]
        if present:
            dynamodb.untag_resource(ResourceArn=arn, TagKeys=present)
        if new.get("tags"):
            dynamodb.tag_resource(ResourceArn=arn, Tags=tag_list(new["tags"]))
        return {**new, **_outputs(dynamodb, id)}

    def delete(self, id: str, state: Properties) -> None:
        dynamodb = client("dynamodb", state)
        try:
            change_replicas(dynamodb, id, state.get("replicas", []), [])
            dynamodb.delete_table(TableName=id)
        except dynamodb.exceptions.ResourceNotFoundException:
            return


def _outputs(dynamodb: Any, name: str) -> Properties:
    table = dynamodb.describe_table(TableName=name)["Table"]
    return {
        "name": name,
        "region": dynamodb.meta.region_name,
        "arn": table["TableArn"],
        "deletionProtectionEnabled": table.get("DeletionProtectionEnabled", False),
        "billingMode": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "streamArn": table.get("LatestStreamArn", ""),
        "streamLabel": table.get("LatestStreamLabel", ""),
    }


def _key_schema(inputs: Properties) -> list[dict[str, str]]:
    keys = [{"AttributeName": inputs["hashKey"], "KeyType": "HASH"}]
    if inputs.get("rangeKey"):
        keys.append({"AttributeName": inputs["rangeKey"], "KeyType": "RANGE"})
    return keys


def _throughput(inputs: Properties) -> dict[str, Any]:
    mode = inputs.get("billingMode", "PROVISIONED")
    if mode != "PROVISIONED":
        return {"BillingMode": mode}
    units = {
        "ReadCapacityUnits": inputs.get("readCapacity", 1),
        "WriteCapacityUnits": inputs.get("writeCapacity", 1),
    }
    return {"BillingMode": mode, "ProvisionedThroughput": units}


def _stream(inputs: Properties) -> dict[str, Any]:
    if not inputs.get("streamEnabled"):
        return {}
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": inputs["streamViewType"]}}


def _encryption(inputs: Properties) -> dict[str, Any]:
    wanted = inputs.get("serverSideEncryption", {})
    if not wanted.get("enabled"):
        return {}
    specification = {"Enabled": True, "SSEType": "KMS"}
    if wanted.get("kmsKeyArn"):
        specification["KMSMasterKeyId"] = wanted["kmsKeyArn"]
    return {"SSESpecification": specification}


def _encryption_outputs(dynamodb: Any, name: str, given: Properties) -> Properties:
    described = dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription", {})
    key = {"kmsKeyArn": described.get("KMSMasterKeyArn")} if "kmsKeyArn" in given else {}
    return {**given, "enabled": described.get("Status") == "ENABLED", **key}


def _put_recovery_and_expiry(dynamodb: Any, name: str, inputs: Properties) -> None:
    dynamodb.update_continuous_backups(
        TableName=name,
        PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": inputs.get("pointInTimeRecovery", {}).get("enabled", False)
        },
    )
    expiry = inputs.get("ttl", {})
    if expiry.get("attributeName"):
        wanted = {"Enabled": expiry.get("enabled", True), "AttributeName": expiry["attributeName"]}
        try:
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)
        # If the table already has the requested expiry setting (TTL), DynamoDB answers with an error. The code ignores
        # this error.
        except ClientError as error:
            if "already" not in str(error):
                raise
