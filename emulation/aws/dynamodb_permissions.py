"""Derives the IAM permissions that a DynamoDB call needs for the items of a transaction or batch, for new table
replicas, and for KMS keys. Also returns the partitions that a call reads or writes, as values of the IAM condition key
`dynamodb:LeadingKeys`.

Sources: DynamoDB Developer Guide, "Using IAM policy conditions for fine-grained access control", "DynamoDB global
tables security", and "DynamoDB encryption at rest: usage notes", "Authorizing use of your AWS KMS key".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from moto.dynamodb.models import dynamodb_backends

from emulation.aws.api_calls import ApiCall
from emulation.aws.arns import key_arn
from emulation.aws.conditions import Values
from emulation.layout import AWS_ACCOUNT_ID

LEADING_KEYS = "dynamodb:LeadingKeys"

# Maps each kind of operation in a DynamoDB transaction to the IAM action that a caller needs for it, without the prefix
# `dynamodb:`.
_TRANSACTION_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
# A caller needs permissions for these DynamoDB actions in the region of a new table replica. The names lack the prefix
# `dynamodb:`.
_REPLICA_ACTIONS = (
    "CreateTable",
    "CreateTableReplica",
    "DescribeTable",
    "UpdateTable",
    "Scan",
    "Query",
    "UpdateItem",
    "PutItem",
    "GetItem",
    "DeleteItem",
    "BatchWriteItem",
)
# The KMS actions, without the prefix `kms:`, that a caller needs on the customer managed key that encrypts a DynamoDB
# table.
_KEY_ACTIONS = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")

_EQUAL = re.compile(r"(?P<name>#?\w+)\s*=\s*(?P<value>:\w+)")


def of_items(call: ApiCall) -> Iterator[tuple[str, str, Mapping[str, Values]]]:
    """Yields the IAM permission that a DynamoDB call needs for each item of its transaction or batch. A permission has
    the action, the table's ARN, and the item's partition as the value of a condition key.
    """
    for item in call.parameters.get("TransactItems", []):
        for kind, given in cast(dict[str, dict[str, Any]], item).items():
            table = given["TableName"]
            keys = leading_keys(table, given.get("Key") or given.get("Item") or {})
            yield f"dynamodb:{_TRANSACTION_ACTIONS[kind]}", _table_arn(call.region, table), keys
    for table, given in call.parameters.get("RequestItems", {}).items():
        # In a BatchGetItem request, `RequestItems` maps each table to a JSON object with the member `Keys`.
        if isinstance(given, dict):
            items = cast(dict[str, Any], given).get("Keys", [])
        else:  # In a BatchWriteItem request, `RequestItems` maps each table to a list of writes.
            writes = cast(list[dict[str, Any]], given)
            items = [next(iter(write.values())) for write in writes]
            items = [each.get("Key") or each.get("Item") for each in items]
        for item in items:
            yield f"dynamodb:{call.operation}", _table_arn(call.region, table), leading_keys(table, item)


def of_replicas(call: ApiCall) -> Iterator[tuple[str, str]]:
    """Yields the permissions that a DynamoDB call needs for the table replicas that it creates. Each permission is a
    pair of an IAM action and the ARN of a replica.
    """
    for replica in created_replicas(call):
        for name in _REPLICA_ACTIONS:
            yield f"dynamodb:{name}", _table_arn(replica["RegionName"], call.parameters["TableName"])


def of_keys(call: ApiCall) -> Iterator[tuple[str, str]]:
    """Yields the KMS permissions that a DynamoDB call needs if customer managed keys encrypt the table and its
    replicas. Each permission is a pair of a KMS action and the ARN of a key.
    """
    keys = [call.parameters.get("SSESpecification", {}).get("KMSMasterKeyId")]
    keys += [replica.get("KMSMasterKeyId") for replica in created_replicas(call)]
    for key in keys:
        if key:
            arn = key_arn(key, key.split(":")[3] if key.startswith("arn:") else call.region)
            for name in _KEY_ACTIONS:
                yield f"kms:{name}", arn


def created_replicas(call: ApiCall) -> list[dict[str, str]]:
    """Returns the table replicas that a DynamoDB call creates, each with its region and its KMS key."""
    return [each["Create"] for each in call.parameters.get("ReplicaUpdates", []) if "Create" in each]


def leading_keys(table: str, item: Mapping[str, Any]) -> Mapping[str, Values]:
    """Returns the partition of a DynamoDB item, or of a key, as the value of the IAM condition key
    `dynamodb:LeadingKeys`.
    """
    value = item.get(_partition_key(table), {})
    return {LEADING_KEYS: [str(each) for each in value.values()]} if value else {}


def queried_keys(parameters: Mapping[str, Any]) -> Mapping[str, Values]:
    """Returns the partition that a DynamoDB query reads, as the value of the IAM condition key
    `dynamodb:LeadingKeys`.
    """
    names: Mapping[str, str] = parameters.get("ExpressionAttributeNames", {})
    values: Mapping[str, Any] = parameters.get("ExpressionAttributeValues", {})
    for found in _EQUAL.finditer(parameters.get("KeyConditionExpression", "")):
        name = names.get(found["name"], found["name"])
        if name == _partition_key(parameters["TableName"]):
            return leading_keys(parameters["TableName"], {name: values[found["value"]]})
    return {}


def _partition_key(table: str) -> str:
    """Returns the name of a DynamoDB table's partition key. All replicas of a table have the same partition key."""
    name = table.rpartition("/")[2]
    for backend in cast(Any, dynamodb_backends)[AWS_ACCOUNT_ID].values():
        if name in backend.tables:
            return backend.tables[name].hash_key_attr
    return ""


def _table_arn(region: str, table: str) -> str:
    return table if table.startswith("arn:") else f"arn:aws:dynamodb:{region}:{AWS_ACCOUNT_ID}:table/{table}"
