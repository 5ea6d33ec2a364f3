"""DynamoDB: replicas of a table, as a property of the table or as separate resources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore.exceptions import ClientError

from emulation.providers.aws.clients import client, tag_list, tag_map
from emulation.providers.handler import CloudError, Created, Properties


def change_replicas(dynamodb: Any, table: str, old: Sequence[Properties], new: Sequence[Properties]) -> None:
    """Creates, changes and deletes replicas of a table. A replica whose key changes is created again, because its key
    is fixed."""
    there = {replica["RegionName"]: replica for replica in _described(dynamodb, table)}
    wanted = {replica["regionName"]: replica for replica in new}
    for region in [given["regionName"] for given in old if given["regionName"] not in wanted]:
        if region in there:
            _remove(dynamodb, table, region)
    for region, replica in wanted.items():
        if region in there and there[region].get("KMSMasterKeyId") != replica.get("kmsKeyArn"):
            _remove(dynamodb, table, region)
            del there[region]
        if region not in there:
            _make(dynamodb, table, region, replica.get("kmsKeyArn"))
        _settle(table, region, replica)


def told_replicas(dynamodb: Any, table: str, given: Sequence[Properties]) -> list[Properties]:
    """Returns the replicas from the cloud, in the order and form of the inputs."""
    there = {replica["RegionName"]: replica for replica in _described(dynamodb, table)}
    kept = [replica for replica in given if replica["regionName"] in there]
    known = {replica["regionName"] for replica in kept}
    told = [{**replica, **_told(table, replica, there[replica["regionName"]])} for replica in kept]
    return [*told, *({"regionName": region} for region in there if region not in known)]


class TableReplica:
    """The handler of `aws:dynamodb/tableReplica:TableReplica`: one replica, in the region of the resource."""

    resource: type[pulumi.CustomResource] = aws.dynamodb.TableReplica
    replace_on = frozenset({"globalTableArn", "region", "kmsKeyArn"})

    def create(self, inputs: Properties) -> Created:
        home, table = _of(inputs)
        region = client("dynamodb", inputs).meta.region_name
        _make(home, table, region, inputs.get("kmsKeyArn"))
        return Created(f"{table}:{home.meta.region_name}", self._after(table, region, inputs))

    def read(self, id: str, state: Properties) -> Properties | None:
        home, table = _of(state)
        there = {replica["RegionName"]: replica for replica in _described(home, table)}.get(state["region"])
        if there is None:
            return None
        return {**state, **_told(table, {**state, "regionName": state["region"]}, there), **_arn(table, state)}

    def update(self, id: str, old: Properties, new: Properties) -> Properties:
        return self._after(_of(new)[1], client("dynamodb", new).meta.region_name, new)

    def delete(self, id: str, state: Properties) -> None:
        home, table = _of(state)
        if state["region"] in [replica["RegionName"] for replica in _described(home, table)]:
            _remove(home, table, state["region"])

    def _after(self, table: str, region: str, inputs: Properties) -> Properties:
        outputs = {**inputs, "region": region}
        _settle(table, region, outputs)
        return {**outputs, **_arn(table, outputs)}


def _of(inputs: Properties) -> tuple[Any, str]:
    """Returns a client in the home region of the replica's table, and the table's name."""
    _, _, _, region, _, resource = inputs["globalTableArn"].split(":")
    return client("dynamodb", {"region": region}), resource.removeprefix("table/")


def _arn(table: str, state: Properties) -> Properties:
    return {"arn": client("dynamodb", state).describe_table(TableName=table)["Table"]["TableArn"]}


def _described(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    try:
        return dynamodb.describe_table(TableName=table)["Table"].get("Replicas", [])
    except dynamodb.exceptions.ResourceNotFoundException:
        return []


def _make(dynamodb: Any, table: str, region: str, key: str | None) -> None:
    asked = {"RegionName": region} | ({"KMSMasterKeyId": key} if key else {})
    try:
        dynamodb.update_table(TableName=table, ReplicaUpdates=[{"Create": asked}])
    except ClientError as error:
        raise CloudError(error.response.get("Error", {}).get("Message", str(error))) from None


def _remove(dynamodb: Any, table: str, region: str) -> None:
    dynamodb.update_table(TableName=table, ReplicaUpdates=[{"Delete": {"RegionName": region}}])


def _settle(table: str, region: str, replica: Properties) -> None:
    """Applies the settings that belong to each single replica: point-in-time recovery, deletion protection and tags."""
    there = client("dynamodb", {"region": region})
    there.update_table(TableName=table, DeletionProtectionEnabled=replica.get("deletionProtectionEnabled", False))
    recovery = {"PointInTimeRecoveryEnabled": replica.get("pointInTimeRecovery", False)}
    there.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    if replica.get("tags"):
        arn = there.describe_table(TableName=table)["Table"]["TableArn"]
        there.tag_resource(ResourceArn=arn, Tags=tag_list(replica["tags"]))


def _told(table: str, given: Properties, described: Properties) -> Properties:
    there = client("dynamodb", {"region": given["regionName"]})
    recovery = there.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    status = recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    told = {
        "kmsKeyArn": described.get("KMSMasterKeyId"),
        "pointInTimeRecovery": status == "ENABLED",
        "deletionProtectionEnabled": there.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"],
    }
    if "tags" in given:
        arn = there.describe_table(TableName=table)["Table"]["TableArn"]
        told["tags"] = tag_map(there.list_tags_of_resource(ResourceArn=arn)["Tags"])
    return {name: value for name, value in told.items() if name in given}
