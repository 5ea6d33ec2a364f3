"""Tests the limits of the emulated DynamoDB on items, batches and transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.harness import aws_account

# The maximum size of a DynamoDB item: 400 KB with its attribute names (DynamoDB Developer Guide, "Constraints").
LARGEST = 400 * 1024
NAMES = len("pk") + len("v")
ALMOST = LARGEST - 1024


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with aws_account():
        client = cast(Any, boto3).client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="items",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        yield client


def item(key: str, size: int) -> dict[str, Any]:
    """Returns a DynamoDB item of the given size in bytes."""
    return {"pk": {"S": key}, "v": {"S": "x" * (size - NAMES - len(key))}}


def put(key: str, size: int) -> dict[str, Any]:
    return {"Put": {"TableName": "items", "Item": item(key, size)}}


def get(key: str) -> dict[str, Any]:
    return {"Get": {"TableName": "items", "Key": {"pk": {"S": key}}}}


def assert_refused(says: str, call: Callable[[], Any]) -> None:
    with pytest.raises(ClientError, match=says) as error:
        call()
    assert cast(Any, error.value).response["Error"]["Code"] == "ValidationException"


def test_an_item_has_at_most_400_kb(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="items", Item=item("a", LARGEST))
    assert_refused("Item size", lambda: dynamodb.put_item(TableName="items", Item=item("b", LARGEST + 1)))
    assert_refused("Item size", lambda: dynamodb.transact_write_items(TransactItems=[put("b", LARGEST + 1)]))
    assert "Item" not in dynamodb.get_item(TableName="items", Key={"pk": {"S": "b"}})


def test_characters_beyond_ascii_count_with_all_their_bytes(dynamodb: Any) -> None:
    text = "é" * ((LARGEST - NAMES - 1) // 2 + 1)
    assert_refused("Item size", lambda: dynamodb.put_item(TableName="items", Item={"pk": {"S": "a"}, "v": {"S": text}}))


def test_an_update_does_not_grow_an_item_beyond_400_kb(dynamodb: Any) -> None:
    dynamodb.put_item(TableName="items", Item=item("a", ALMOST))

    def grow(by: int) -> None:
        dynamodb.update_item(
            TableName="items",
            Key={"pk": {"S": "a"}},
            UpdateExpression="SET w = :w",
            ExpressionAttributeValues={":w": {"S": "y" * by}},
        )

    assert_refused("Item size to update", lambda: grow(1024))
    grow(1023)
    assert len(dynamodb.get_item(TableName="items", Key={"pk": {"S": "a"}})["Item"]["w"]["S"]) == 1023


def test_a_batch_writes_at_most_25_items(dynamodb: Any) -> None:
    requests = [{"PutRequest": {"Item": item(f"{number:02}", 10)}} for number in range(26)]
    assert_refused("less than or equal to 25", lambda: dynamodb.batch_write_item(RequestItems={"items": requests}))
    assert dynamodb.scan(TableName="items")["Count"] == 0
    dynamodb.batch_write_item(RequestItems={"items": requests[:25]})
    assert dynamodb.scan(TableName="items")["Count"] == 25


def test_a_batch_reads_at_most_100_items(dynamodb: Any) -> None:
    keys = [{"pk": {"S": str(number)}} for number in range(101)]
    assert_refused("less than or equal to 100", lambda: dynamodb.batch_get_item(RequestItems={"items": {"Keys": keys}}))
    assert dynamodb.batch_get_item(RequestItems={"items": {"Keys": keys[:100]}})["Responses"] == {"items": []}


def test_a_batch_returns_at_most_16_mb(dynamodb: Any) -> None:
    keys = [{"pk": {"S": f"{number:02}"}} for number in range(42)]
    for key in keys:
        dynamodb.put_item(TableName="items", Item=item(key["pk"]["S"], LARGEST))
    answer = dynamodb.batch_get_item(RequestItems={"items": {"Keys": keys}})
    assert len(answer["Responses"]["items"]) == 40
    assert len(answer["UnprocessedKeys"]["items"]["Keys"]) == 2


def test_a_transaction_writes_at_most_100_items_and_4_mb(dynamodb: Any) -> None:
    many = [put(f"{number:03}", 10) for number in range(101)]
    assert_refused("less than or equal to 100", lambda: dynamodb.transact_write_items(TransactItems=many))
    large = [put(f"{number:02}", LARGEST) for number in range(11)]
    assert_refused("4 MB", lambda: dynamodb.transact_write_items(TransactItems=large))
    assert dynamodb.scan(TableName="items")["Count"] == 0
    dynamodb.transact_write_items(TransactItems=large[:10])
    dynamodb.put_item(TableName="items", Item=item("10", LARGEST))
    keys = [f"{number:02}" for number in range(11)]
    assert_refused("4 MB", lambda: dynamodb.transact_get_items(TransactItems=[get(key) for key in keys]))
    assert len(dynamodb.transact_get_items(TransactItems=[get(key) for key in keys[:10]])["Responses"]) == 10
