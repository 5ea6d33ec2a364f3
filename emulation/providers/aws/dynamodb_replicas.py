"""Creates, changes and deletes replicas of DynamoDB tables for the emulated AWS provider. A Pulumi program declares
replicas as a property of the table or as separate resources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client, tag_list, tag_map
from emulation.providers.handler import CloudError, Created, Properties


def change_replicas(dynamodb: Any, table: str, old: Sequence[Properties], new: Sequence[Properties]) -> None:
    """Creates, changes and deletes replicas of a DynamoDB table. The encryption key of a replica cannot change, so a
    replica that gets another key is deleted and created again.
    """
    existing = {replica["RegionName"]: replica for replica in _replicas(dynamodb, table)}
    wanted = {replica["regionName"]: replica for replica in new}
    for region in [given["regionName"] for given in old if given["regionName"] not in wanted]:
        if region in existing:
            _remove(dynamodb, table, region)
    for region, replica in wanted.items():
        if region in existing and existing[region].get("KMSMasterKeyId") != replica.get("kmsKeyArn"):
            _remove(dynamodb, table, region)
            del existing[region]
        if region not in existing:
            _make(dynamodb, table, region, replica.get("kmsKeyArn"))
        _apply_settings(table, region, replica)


def replica_outputs(dynamodb: Any, table: str, given: Sequence[Properties]) -> list[Properties]:
    """Returns the replicas that a DynamoDB table has in the cloud, in the order and form of the Pulumi inputs."""
    existing = {replica["RegionName"]: replica for replica in _replicas(dynamodb, table)}
    kept = [replica for replica in given if replica["regionName"] in existing]
    known = {replica["regionName"] for replica in kept}
    outputs = [{**replica, **_outputs(table, replica, existing[replica["regionName"]])} for replica in kept]
    return [*outputs, *({"regionName": region} for region in existing if region not in known)]


class TableReplica:
    """Creates, reads, changes and deletes resources of the Pulumi type `aws:dynamodb/tableReplica:TableReplica`. Each
    resource is one replica of a DynamoDB table, in the region that the property `region` names.
    """

    resource: type[pulumi.CustomResource] = aws.dynamodb.TableReplica
    replace_on = frozenset({"globalTableArn", "region", "kmsKeyArn"})

    def create(self, inputs: Properties) -> Created:
        home, table = _client_and_table(inputs)
        region = client("dynamodb", inputs).meta.region_name
        _make(home, table, region, inputs.get("kmsKeyArn"))
        return Created(f"{table}:{home.meta.region_name}", self._outputs_after(table, region, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        home, table = _client_and_table(state)
        existing = {replica["RegionName"]: replica for replica in _replicas(home, table)}.get(state["region"])
        if existing is None:
            return None
        return {**state, **_outputs(table, {**state, "regionName": state["region"]}, existing), **_arn(table, state)}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        return self._outputs_after(_client_and_table(new)[1], client("dynamodb", new).meta.region_name, new)

    def delete(self, id: str, state: Properties) -> None:
        home, table = _client_and_table(state)
        if state["region"] in [replica["RegionName"] for replica in _replicas(home, table)]:
            _remove(home, table, state["region"])

    def _outputs_after(self, table: str, region: str, inputs: Properties) -> Properties:
        outputs = {**inputs, "region": region}
        _apply_settings(table, region, outputs)
        return {**outputs, **_arn(table, outputs)}


def _client_and_table(inputs: Properties) -> tuple[Any, str]:
    """Returns a DynamoDB client for the home region of a replica's table, and the table's name."""
    _, _, _, region, _, resource = inputs["globalTableArn"].split(":")
    return client("dynamodb", {"region": region}), resource.removeprefix("table/")


def _arn(table: str, state: Properties) -> Properties:
    return {"arn": client("dynamodb", state).describe_table(TableName=table)["Table"]["TableArn"]}


def _replicas(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    try:
        return dynamodb.describe_table(TableName=table)["Table"].get("Replicas", [])
    except dynamodb.exceptions.ResourceNotFoundException:
        return []


def _make(dynamodb: Any, table: str, region: str, key: str | None) -> None:
    replica = {"RegionName": region} | ({"KMSMasterKeyId": key} if key else {})
    try:
        dynamodb.update_table(TableName=table, ReplicaUpdates=[{"Create": replica}])
    except ClientError as error:
        raise CloudError(error.response.get("Error", {}).get("Message", str(error))) from None


def _remove(dynamodb: Any, table: str, region: str) -> None:
    dynamodb.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": region}}])


def _apply_settings(table: str, region: str, replica: Properties) -> None:
    """Applies the settings that each replica of a DynamoDB table has separately: point-in-time recovery, deletion
    protection and tags.
    """
    regional = client("dynamodb", {"region": region})
    regional.update_table(TableName=table, DeletionProtectionEnabled=replica.get("deletionProtectionEnabled", False))
    recovery = {"PointInTimeRecoveryEnabled": replica.get("pointInTimeRecovery", False)}
    regional.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    if replica.get("tags"):
        arn = regional.describe_table(TableName=table)["Table"]["TableArn"]
        regional.tag_resource(ResourceArn=arn, Tags=tag_list(replica["tags"]))


def _outputs(table: str, given: Properties, described: Properties) -> Properties:
    regional = client("dynamodb", {"region": given["regionName"]})
    recovery = regional.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    status = recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    outputs = {
        "kmsKeyArn": described.get("KMSMasterKeyId"),
        "pointInTimeRecovery": status == "ENABLED",
        "deletionProtectionEnabled": regional.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"],
    }
    if "tags" in given:
        arn = regional.describe_table(TableName=table)["Table"]["TableArn"]
        outputs["tags"] = tag_map(regional.list_tags_of_resource(ResourceArn=arn)["Tags"])
    return {name: value for name, value in outputs.items() if name in given}
