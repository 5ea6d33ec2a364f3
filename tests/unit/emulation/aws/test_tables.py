"""Tests what the emulation adds to moto's DynamoDB. A stream must report each write once, a failed transaction must
change nothing, and a query must read only the items of one partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.models.table import Table

from tests.support.harness import aws_account

KEY = {"pk": {"S": "p"}, "sk": {"S": "a"}}


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Creates two tables with streams. The table `items` has a sort key, and the table `locks` has none."""
    with aws_account():
        client = cast(Any, boto3).client("dynamodb", region_name="us-east-1")
        for table, keys in (("items", ["pk", "sk"]), ("locks", ["pk"])):
            client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ["HASH", "RANGE"], strict=False)
                ],
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            )
        yield client


def records(table: str) -> list[tuple[str, Any, Any]]:
    """Returns the records of the table's DynamoDB stream. Each record has the kind of the change, the old item and the
    new item.
    """
    streams = cast(Any, boto3).client("dynamodbstreams", region_name="us-east-1")
    (stream,) = streams.list_streams(TableName=table)["Streams"]
    shard = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [
        (record["eventName"], record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage"))
        for record in streams.get_records(ShardIterator=iterator)["Records"]
    ]


def update(dynamodb: Any, table: str, key: Any, value: str) -> None:
    dynamodb.update_item(
        TableName=table, Key=key, UpdateExpression="SET v = :v", ExpressionAttributeValues={":v": {"S": value}}
    )


@pytest.mark.parametrize(("table", "key"), [("items", KEY), ("locks", {"pk": {"S": "p"}})])
def test_a_stream_reports_each_write_once_and_completely(dynamodb: Any, table: str, key: Any) -> None:
    for value in ("1", "2", "2"):
        update(dynamodb, table, key, value)
    dynamodb.delete_item(TableName=table, Key=key)
    first, second = ({**key, "v": {"S": value}} for value in ("1", "2"))
    assert records(table) == [("INSERT", None, first), ("MODIFY", first, second), ("REMOVE", second, None)]


def test_a_failed_transaction_changes_nothing(dynamodb: Any) -> None:
    update(dynamodb, "items", KEY, "1")
    other = {**KEY, "sk": {"S": "b"}}
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": "items", "Item": other}},
                {"Delete": {"TableName": "items", "Key": KEY, "ConditionExpression": "attribute_not_exists(pk)"}},
            ]
        )
    assert [item["sk"] for item in dynamodb.scan(TableName="items")["Items"]] == [{"S": "a"}]
    assert [kind for kind, _, _ in records("items")] == ["INSERT"]


def test_no_copy_of_a_table_is_kept(dynamodb: Any) -> None:
    for _ in range(3):
        put = {"Put": {"TableName": "items", "Item": KEY}}
        dynamodb.transact_write_items(TransactItems=[put])
        dynamodb.query(
            TableName="items",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "p"}},
        )
    assert len(cast(Any, Table).instances_tracked) <= 1


def test_a_query_sees_one_partition(dynamodb: Any) -> None:
    for partition, name in (("p", "b"), ("p", "a"), ("q", "c")):
        update(dynamodb, "items", {"pk": {"S": partition}, "sk": {"S": name}}, "1")
    found = dynamodb.query(
        TableName="items",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "p"}},
    )
    assert [item["sk"]["S"] for item in found["Items"]] == ["a", "b"]
